/** Sequences that come to a batch or leave it, with what batches activate kept up to date. */

import type { RegroupWorkspace } from './workspace.js';

/** Puts a sequence that is in no batch into one. */
export function put(workspace: RegroupWorkspace, sequence: number, batch: number): void {
  const { alone, batchOf, room, members, setWords } = workspace;
  const changed = change(workspace, sequence, batch, -1);
  alone[sequence] = changed;
  workspace.activated += changed;
  batchOf[sequence] = batch;
  room[batch] = (room[batch] as number) - 1;
  const word = batch * setWords + (sequence >>> 5);
  members[word] = (members[word] as number) | (1 << (sequence & 31));
}

/** Takes a sequence out of its batch. */
export function take(workspace: RegroupWorkspace, sequence: number): void {
  const { alone, batchOf, room, members, setWords } = workspace;
  const batch = batchOf[sequence] as number;
  const word = batch * setWords + (sequence >>> 5);
  members[word] = (members[word] as number) & ~(1 << (sequence & 31));
  workspace.activated -= change(workspace, sequence, batch, 1);
  alone[sequence] = 0;
  batchOf[sequence] = -1;
  room[batch] = (room[batch] as number) + 1;
}

/**
 * What a sequence that is not in the batch, not yet or no longer, means to the others: with an expert that it alone brings, the batch
 * would grow by one less, or more again, if another of its users came; and who was the only one to use it is not, or is again.
 *
 * @param by -1 as it comes, 1 as it goes
 * @returns the experts that it alone brings
 */
function change(workspace: RegroupWorkspace, sequence: number, batch: number, by: number): number {
  const { uses, useEnd, users, members, growth, alone, sequences, setWords } = workspace;
  const row = batch * sequences;
  const ofBatch = batch * setWords;
  let brought = 0;
  for (let at = useEnd[sequence] as number, end = useEnd[sequence + 1] as number; at < end; at++) {
    const first = (uses[at] as number) * setWords;
    let count = 0;
    let last = 0;
    for (let word = 0; word < setWords; word++) {
      const both = (users[first + word] as number) & (members[ofBatch + word] as number);
      if (both === 0) continue;
      // Two are as good as many.
      count += (both & (both - 1)) === 0 ? 1 : 2;
      last = (word << 5) + 31 - Math.clz32(both);
    }
    if (count === 1) alone[last] = (alone[last] as number) + by;
    if (count !== 0) continue;
    brought++;
    for (let word = 0; word < setWords; word++) {
      let others = users[first + word] as number;
      const begin = row + (word << 5) + 31;
      while (others !== 0) {
        const other = begin - Math.clz32(others & -others);
        others &= others - 1;
        growth[other] = (growth[other] as number) + by;
      }
    }
  }
  return brought;
}

/** Experts that one of two sequences alone uses in its batch, and that the other would bring back there in an exchange. */
export function keptByBoth(workspace: RegroupWorkspace, a: number, b: number): number {
  const { uses, useEnd, users, members, setWords, batchOf } = workspace;
  const ofA = (batchOf[a] as number) * setWords;
  const ofB = (batchOf[b] as number) * setWords;
  const wordOfB = b >>> 5;
  const bitOfB = 1 << (b & 31);
  let kept = 0;
  for (let at = useEnd[a] as number, end = useEnd[a + 1] as number; at < end; at++) {
    const first = (uses[at] as number) * setWords;
    if (((users[first + wordOfB] as number) & bitOfB) === 0) continue;
    // Those who use it in either batch, without a and b themselves: who is left keeps it anyway.
    let [inA, inB] = [0, 0];
    for (let word = 0; word < setWords; word++) {
      const using = users[first + word] as number;
      inA |= using & (members[ofA + word] as number) & ~(word === a >>> 5 ? 1 << (a & 31) : 0);
      inB |= using & (members[ofB + word] as number) & ~(word === wordOfB ? bitOfB : 0);
    }
    if (inA === 0) kept++;
    if (inB === 0) kept++;
  }
  return kept;
}
