/** What groupings can cost at least: exactly for few sequences, and a bound for any number. */

import { InvalidArgumentError } from '../../errors.js';

/** 2^16 sets of sequences are looked at. */
export const mostForOptimum = 16;

/**
 * The least that a grouping into batches of the given sizes activates, by trying all: what heuristics are measured against.
 * Some milliseconds for 16 sequences in two batches.
 *
 * @param sizes two different ones at most, and their sum the number of routes
 * @throws InvalidArgumentError for more than 16 sequences
 */
export function leastActivated(routes: readonly Uint32Array[], sizes: readonly number[]): number {
  const sequences = routes.length;
  if (sequences > mostForOptimum) {
    throw new InvalidArgumentError(
      `routes: ${sequences} sequences are too many to try all groupings; ${mostForOptimum} are the most`,
    );
  }
  const activated = activatedBySet(routes);
  const all = 2 ** sequences - 1;
  let least = new Map<number, number>([[0, 0]]);
  // Batches of one size may change places, so that the first sequence that is left can be taken to be in the next batch of either.
  const allowed = new Set(sizes);
  for (let batch = 0; batch < sizes.length; batch++) {
    const next = new Map<number, number>();
    for (const [taken, cost] of least) {
      const first = ~taken & all & -(~taken & all);
      const others = ~taken & all & ~first;
      for (let more = others; ; more = (more - 1) & others) {
        const chosen = more | first;
        const sum = allowed.has(bitsOf(chosen)) ? cost + (activated[chosen] as number) : undefined;
        if (sum !== undefined && sum < (next.get(taken | chosen) ?? Number.POSITIVE_INFINITY)) {
          next.set(taken | chosen, sum);
        }
        if (more === 0) break;
      }
    }
    least = next;
  }
  return least.get(all) ?? 0;
}

/** [2^sequences] experts that any of the set uses. */
function activatedBySet(routes: readonly Uint32Array[]): Int32Array {
  const sequences = routes.length;
  const all = 2 ** sequences - 1;
  // By the set of its users, the number of experts; then of those whose users are all in a set, one sequence at a time.
  const within = new Int32Array(all + 1);
  for (let word = 0; word < (routes[0]?.length ?? 0); word++) {
    for (let bit = 0; bit < 32; bit++) {
      let users = 0;
      for (let i = 0; i < sequences; i++) users |= ((((routes[i] as Uint32Array)[word] as number) >>> bit) & 1) << i;
      within[users] = (within[users] as number) + 1;
    }
  }
  for (let bit = 1; bit <= all; bit <<= 1) {
    for (let set = 0; set <= all; set++) {
      if (set & bit) within[set] = (within[set] as number) + (within[set ^ bit] as number);
    }
  }
  return within.map((_, set) => (within[all] as number) - (within[all ^ set] as number));
}

function bitsOf(set: number): number {
  let bits = 0;
  for (let left = set; left !== 0; left &= left - 1) bits++;
  return bits;
}

/**
 * No grouping into batches of at most `batchSize` activates fewer: an expert with u users is in ceil(u / batchSize) batches at least.
 * Seldom reached, as one grouping cannot be best for every expert.
 */
export function activatedAtLeast(routes: readonly Uint32Array[], batchSize: number): number {
  const words = routes[0]?.length ?? 0;
  let least = 0;
  for (let number = 0; number < 32 * words; number++) {
    let users = 0;
    for (const route of routes) users += ((route[number >>> 5] as number) >>> (number & 31)) & 1;
    least += Math.ceil(users / batchSize);
  }
  return least;
}
