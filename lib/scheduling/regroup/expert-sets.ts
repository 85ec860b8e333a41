/**
 * Sets of a model's experts as bits: expert e of layer l has the number l * experts + e; number i is bit i % 32 of word
 * i / 32. A set of a 48-layer model with 128 experts each is 192 words.
 */

export function wordsOf({ layers, experts }: { layers: number; experts: number }): number {
  return Math.ceil((layers * experts) / 32);
}

/**
 * A token's experts as a set, for {@link regroup}.
 *
 * @param route [layers][k] experts from 0 on, flat, as in a trace; those below 0 are left out
 */
export function routeSet(route: ArrayLike<number>, shape: { layers: number; experts: number; k: number }): Uint32Array {
  const set = new Uint32Array(wordsOf(shape));
  addRoute(set, route, shape);
  return set;
}

/**
 * Adds a token's experts to a set.
 *
 * @param route [layers][k] experts from 0 on, flat, as in a trace; those below 0 are left out
 */
export function addRoute(
  set: Uint32Array,
  route: ArrayLike<number>,
  { experts, k }: { experts: number; k: number },
): void {
  for (let at = 0; at < route.length; at++) {
    const expert = route[at] as number;
    if (expert < 0) continue;
    addExpert(set, Math.floor(at / k) * experts + expert);
  }
}

export function addExpert(set: Uint32Array, number: number): void {
  set[number >>> 5] = (set[number >>> 5] as number) | (1 << (number & 31));
}

/** Bits that are set in 32 (Warren, "Hacker's Delight", section 5-1). */
export function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Experts that are in one of two sets and not in the other. */
export function hammingDistance(a: Uint32Array, b: Uint32Array): number {
  let distance = 0;
  for (let word = 0; word < a.length; word++) distance += countBits((a[word] as number) ^ (b[word] as number));
  return distance;
}

/**
 * What a grouping costs: experts that batches activate, each once per batch.
 *
 * @param batchOf [sequences] the batch of each
 * @param free    experts that cost nothing
 * @param unions  [batches][words] memory to work in
 */
export function activatedExperts(
  routes: readonly Uint32Array[],
  batchOf: ArrayLike<number>,
  batches: number,
  free?: Uint32Array,
  unions: Int32Array = new Int32Array(batches * (routes[0]?.length ?? 0)),
): number {
  const words = routes[0]?.length ?? 0;
  unions.fill(0, 0, batches * words);
  for (let sequence = 0; sequence < routes.length; sequence++)
    addTo(unions, batchOf[sequence] as number, routes[sequence] as Uint32Array);
  let activated = 0;
  for (let batch = 0, at = 0; batch < batches; batch++) {
    for (let word = 0; word < words; word++, at++) {
      const bits = unions[at] as number;
      activated += countBits(free ? bits & ~(free[word] as number) : bits);
    }
  }
  return activated;
}

function addTo(unions: Int32Array, batch: number, set: Uint32Array): void {
  for (let word = 0, at = batch * set.length; word < set.length; word++, at++) {
    unions[at] = (unions[at] as number) | (set[word] as number);
  }
}

/** Of sets with so many words, those that are known. */
export function unionOf(sets: Iterable<Uint32Array | undefined>, words: number): Uint32Array {
  const union = new Uint32Array(words);
  for (const set of sets) if (set) addSet(union, set);
  return union;
}

export function addSet(union: Uint32Array, set: Uint32Array): void {
  for (let word = 0; word < union.length; word++) union[word] = (union[word] as number) | (set[word] as number);
}

export function countSet(set: Uint32Array): number {
  let count = 0;
  for (let word = 0; word < set.length; word++) count += countBits(set[word] as number);
  return count;
}

/** Experts of a set that are not in another one. */
export function countOutside(set: Uint32Array, other: Uint32Array): number {
  let count = 0;
  for (let word = 0; word < set.length; word++) count += countBits((set[word] as number) & ~(other[word] as number));
  return count;
}
