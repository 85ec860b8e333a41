/** How many sequences a batch has. */

/** As few batches of at most `most` as there can be, as even as they can be: the larger ones first. */
export function evenSizes(sequences: number, most: number): number[] {
  const batches = Math.ceil(sequences / most);
  return Array.from({ length: batches }, (_, batch) => Math.floor((sequences + batches - 1 - batch) / batches));
}

/** Full batches, and what is left over in the last one. */
export function fullSizes(sequences: number, most: number): number[] {
  const batches = Math.ceil(sequences / most);
  return Array.from({ length: batches }, (_, batch) => Math.min(most, sequences - batch * most));
}

/** Batch by batch in order. */
export function inOrder(sizes: readonly number[]): Int32Array {
  return Int32Array.from(sizes.flatMap((size, batch) => new Array<number>(size).fill(batch)));
}
