/** Which sequences go into the next step. Pure, so that it can be tested and simulated without an engine. */

export interface Candidate<Id> {
  id: Id;
  /** Tokens that the sequence still has to read: 1 while it generates, more while its prompt is being processed. */
  pending: number;
}

export interface PlannedItem<Id> {
  id: Id;
  /** How many of the pending tokens to read in this step. */
  tokens: number;
}

/**
 * Fills a step of at most `budget` tokens. Sequences that generate (one pending token) come first, so that a long
 * prompt never holds them up; prompts then share what is left, first come first served. `candidates` are in order of
 * arrival; when there are more generating sequences than the budget, `offset` turns the order so that none starves.
 */
export function planStep<Id>(candidates: readonly Candidate<Id>[], budget: number, offset = 0): PlannedItem<Id>[] {
  const plan: PlannedItem<Id>[] = [];
  let left = budget;
  const generating = candidates.filter((candidate) => candidate.pending === 1);
  const start = generating.length > budget ? offset % generating.length : 0;
  for (let i = 0; i < generating.length && left > 0; i++) {
    const candidate = generating[(start + i) % generating.length] as Candidate<Id>;
    plan.push({ id: candidate.id, tokens: 1 });
    left--;
  }
  for (const candidate of candidates) {
    if (left === 0) break;
    if (candidate.pending <= 1) continue;
    const tokens = Math.min(candidate.pending, left);
    plan.push({ id: candidate.id, tokens });
    left -= tokens;
  }
  return plan;
}
