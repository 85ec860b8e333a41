import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { fromBrainFloat, fromHalf } from '../../lib/half-precision.js';

const valueBytes = { F32: 4, F16: 2, BF16: 2 } as const;
type ValueType = keyof typeof valueBytes;

interface Entry {
  type: ValueType;
  shape: number[];
  /** First byte in the file. */
  position: number;
  bytes: number;
}

/** An open .safetensors file (github.com/huggingface/safetensors, "Format"): tensors are read one at a time. */
export class Safetensors {
  private constructor(
    private readonly path: string,
    private readonly descriptor: number,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /**
   * Opens a file and checks its header: sizes against shapes, and every tensor inside the file.
   *
   * @throws Error naming the file and the tensor.
   */
  static open(path: string): Safetensors {
    const descriptor = openSync(path, 'r');
    try {
      return new Safetensors(path, descriptor, readHeader(path, descriptor));
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }

  get names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** Shape in PyTorch order: rows before values per row. */
  shape(name: string): number[] {
    return this.entry(name).shape;
  }

  /**
   * The values of a tensor, or of a part of its first dimension, as float32 (exact: every type read here fits).
   *
   * @param part one index of the first dimension, e.g. an expert; the whole tensor if absent
   */
  read(name: string, part?: number): Float32Array {
    const { type, shape, position, bytes } = this.entry(name);
    const parts = part === undefined ? 1 : (shape[0] as number);
    const buffer = Buffer.alloc(bytes / parts);
    readFully(this.path, this.descriptor, buffer, position + (part ?? 0) * buffer.length);
    return decode(type, buffer);
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry)
      throw new Error(`${this.path}: tensor ${name} is missing; the file is not the model its config.json says`);
    return entry;
  }
}

function readHeader(path: string, descriptor: number): Map<string, Entry> {
  const fileBytes = fstatSync(descriptor).size;
  const lengthField = Buffer.alloc(8);
  if (fileBytes < 8) throw new Error(`${path}: ${fileBytes} bytes are too few for a safetensors file`);
  readFully(path, descriptor, lengthField, 0);
  const headerBytes = Number(lengthField.readBigUInt64LE());
  if (headerBytes > fileBytes - 8) {
    throw new Error(`${path}: header of ${headerBytes} bytes in a file of ${fileBytes}; truncated, or not safetensors`);
  }
  const text = Buffer.alloc(headerBytes);
  readFully(path, descriptor, text, 8);

  const entries = new Map<string, Entry>();
  for (const [name, value] of Object.entries(parseHeader(path, text.toString('utf8')))) {
    if (name !== '__metadata__') entries.set(name, checkEntry(path, name, value, 8 + headerBytes, fileBytes));
  }
  return entries;
}

function parseHeader(path: string, text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Told below, with the file's name.
  }
  throw new Error(`${path}: the header is not JSON; not a safetensors file`);
}

function checkEntry(path: string, name: string, value: unknown, dataStart: number, fileBytes: number): Entry {
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = value as { dtype?: string; shape?: number[]; data_offsets?: number[] };
  const fail = (problem: string): never => {
    throw new Error(`${path}: tensor ${name}: ${problem}`);
  };
  if (dtype === undefined || !(dtype in valueBytes)) {
    return fail(`type ${dtype} is not one of ${Object.keys(valueBytes).join(', ')}`);
  }
  if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) return fail('shape or data_offsets are malformed');
  const type = dtype as ValueType;
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, dimension) => product * dimension, valueBytes[type]);
  if (end - begin !== bytes) return fail(`${end - begin} bytes, but shape [${shape}] of ${type} takes ${bytes}`);
  if (dataStart + end > fileBytes) return fail(`ends at byte ${dataStart + end} of a file of ${fileBytes}; truncated?`);
  return { type, shape, position: dataStart + begin, bytes };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function readFully(path: string, descriptor: number, buffer: Buffer, position: number): void {
  let done = 0;
  while (done < buffer.length) {
    const count = readSync(descriptor, buffer, done, buffer.length - done, position + done);
    if (count === 0) throw new Error(`${path}: ends before byte ${position + buffer.length}`);
    done += count;
  }
}

function decode(type: ValueType, buffer: Buffer): Float32Array {
  const values = new Float32Array(buffer.length / valueBytes[type]);
  for (let index = 0; index < values.length; index++) {
    if (type === 'F32') values[index] = buffer.readFloatLE(index * 4);
    else values[index] = (type === 'F16' ? fromHalf : fromBrainFloat)(buffer.readUInt16LE(index * 2));
  }
  return values;
}
