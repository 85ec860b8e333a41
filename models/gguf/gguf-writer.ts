import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { encodeMetadata, encodeString, type Metadata } from './metadata.js';
import { type TensorType, tensorBytes, tensorTypes } from './tensor-types.js';

/** A tensor to write. Its data is asked for only when its turn comes, so that a file may be larger than memory. */
export interface TensorSource {
  name: string;
  type: TensorType;
  /** GGML order: values per row first, then rows, then experts. */
  dimensions: readonly number[];
  /** The tensor's bytes in the file's layout, in pieces of any size. */
  data: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

export interface GgufContents {
  metadata: Metadata;
  tensors: readonly TensorSource[];
  /** Every tensor starts at a multiple of this many bytes; 32 unless given, as `general.alignment` then says. */
  alignment?: number;
}

const defaultAlignment = 32;

/**
 * Writes a GGUF v3 file (github.com/ggml-org/ggml/blob/master/docs/gguf.md). The file appears under its name only when
 * it is whole; tensors lie in the order given.
 *
 * @returns the file's size in bytes
 * @throws Error naming the tensor or key when something does not fit, e.g. data shorter than the shape says.
 */
export async function writeGguf(path: string, contents: GgufContents): Promise<number> {
  const alignment = contents.alignment ?? defaultAlignment;
  const header = encodeHeader(contents, alignment);
  const partial = `${path}.part`;
  const file = await open(partial, 'w');
  try {
    let position = await write(file, header, 0);
    position = await write(file, padding(position, alignment), position);
    for (const tensor of contents.tensors) {
      position = await writeTensor(file, tensor, position);
      position = await write(file, padding(position, alignment), position);
    }
    await file.close();
    await rename(partial, path);
    return position;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
}

function encodeHeader({ metadata, tensors }: GgufContents, alignment: number): Buffer {
  if (!Number.isInteger(alignment) || alignment < 8 || alignment % 8 !== 0) {
    throw new Error(`alignment ${alignment}: GGUF wants a positive multiple of 8`);
  }
  const entries = new Map(metadata);
  if (alignment !== defaultAlignment) entries.set('general.alignment', { type: 'uint32', value: alignment });

  const counts = Buffer.alloc(24);
  counts.write('GGUF', 'latin1');
  counts.writeUInt32LE(3, 4);
  counts.writeBigUInt64LE(BigInt(tensors.length), 8);
  counts.writeBigUInt64LE(BigInt(entries.size), 16);
  const parts = [counts, ...[...entries].map(([key, value]) => encodeMetadata(key, value))];

  const names = new Set<string>();
  let offset = 0;
  for (const tensor of tensors) {
    if (names.has(tensor.name)) throw new Error(`tensor ${tensor.name} is given twice`);
    names.add(tensor.name);
    parts.push(encodeTensorEntry(tensor, offset));
    const bytes = tensorBytes(tensor.name, tensor.type, tensor.dimensions);
    offset += bytes + padding(bytes, alignment).length;
  }
  return Buffer.concat(parts);
}

function encodeTensorEntry({ name, type, dimensions }: TensorSource, offset: number): Buffer {
  if (dimensions.length < 1 || dimensions.length > 4) {
    throw new Error(`tensor ${name} has ${dimensions.length} dimensions; GGML allows 1 to 4`);
  }
  const rest = Buffer.alloc(4 + dimensions.length * 8 + 4 + 8);
  let at = rest.writeUInt32LE(dimensions.length);
  for (const dimension of dimensions) at = rest.writeBigUInt64LE(BigInt(dimension), at);
  at = rest.writeUInt32LE(tensorTypes[type].id, at);
  rest.writeBigUInt64LE(BigInt(offset), at);
  return Buffer.concat([encodeString(name), rest]);
}

async function writeTensor(file: FileHandle, tensor: TensorSource, start: number): Promise<number> {
  const expected = tensorBytes(tensor.name, tensor.type, tensor.dimensions);
  let position = start;
  for await (const piece of tensor.data()) position = await write(file, piece, position);
  if (position - start !== expected) {
    const shape = tensor.dimensions.join(' x ');
    throw new Error(
      `tensor ${tensor.name}: its source gave ${position - start} bytes, but ${shape} in ${tensor.type} takes ${expected}`,
    );
  }
  return position;
}

async function write(file: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let written = 0;
  while (written < bytes.length) {
    const result = await file.write(bytes, written, bytes.length - written, position + written);
    written += result.bytesWritten;
  }
  return position + written;
}

function padding(position: number, alignment: number): Uint8Array {
  return new Uint8Array((alignment - (position % alignment)) % alignment);
}
