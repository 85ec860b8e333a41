/** Chance that a seed repeats. */

/** Uniform numbers in [0, 1): splitmix32. */
export function uniforms(seed: number | bigint): () => number {
  let state = Number(BigInt.asIntN(32, BigInt(seed) ^ (BigInt(seed) >> 32n)));
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 to `limit` - 1. */
export function below(limit: number, random: () => number): number {
  return Math.floor(random() * limit);
}

/** Fisher and Yates, in place. */
export function shuffle(values: Int32Array, random: () => number): void {
  for (let last = values.length - 1; last > 0; last--) {
    const other = below(last + 1, random);
    const value = values[last] as number;
    values[last] = values[other] as number;
    values[other] = value;
  }
}
