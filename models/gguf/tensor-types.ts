/** The tensor types these tools write: GGML's number, values per block and bytes per block (ggml-common.h). */
export const tensorTypes = {
  F32: { id: 0, blockValues: 1, blockBytes: 4 },
  F16: { id: 1, blockValues: 1, blockBytes: 2 },
  Q4_0: { id: 2, blockValues: 32, blockBytes: 18 },
  Q8_0: { id: 8, blockValues: 32, blockBytes: 34 },
  Q4_K: { id: 12, blockValues: 256, blockBytes: 144 },
  BF16: { id: 30, blockValues: 1, blockBytes: 2 },
} as const;

export type TensorType = keyof typeof tensorTypes;

/** `general.file_type` for a file whose big tensors have this type (enum llama_ftype; Q4_K is "mostly Q4_K small"). */
export const fileTypes: Record<TensorType, number> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7, Q4_K: 14, BF16: 32 };

/**
 * Reads a type given on a command line.
 *
 * @throws Error naming the option's value and the types allowed.
 */
export function parseTensorType(text: string, allowed: readonly TensorType[]): TensorType {
  const found = allowed.find((type) => type === text.toUpperCase());
  if (!found) throw new Error(`--type ${text}: unknown tensor type; use one of ${allowed.join(', ')}`);
  return found;
}

/**
 * Bytes of a tensor in a file.
 *
 * @param dimensions GGML order: values per row first.
 * @throws Error when a row is not a whole number of blocks.
 */
export function tensorBytes(name: string, type: TensorType, dimensions: readonly number[]): number {
  const { blockValues, blockBytes } = tensorTypes[type];
  const [row = 0, ...outer] = dimensions;
  if (row <= 0 || row % blockValues !== 0) {
    throw new Error(
      `tensor ${name}: a row has ${row} values, but ${type} stores them in blocks of ${blockValues}; choose another type`,
    );
  }
  return outer.reduce((bytes, dimension) => bytes * dimension, (row / blockValues) * blockBytes);
}
