/**
 * Named arrays in one file, as https://huggingface.co/docs/safetensors has it: 8 bytes with the length of a JSON header,
 * the header, the arrays. Other tools read it; nothing in it is ever run.
 */

import { InvalidFileError } from '../../lib/errors.js';
import { fromHalves, toHalf } from '../../lib/half-precision.js';

export interface NamedArray {
  type: 'F32' | 'F16' | 'I32' | 'U8';
  shape: readonly number[];
  /** F16 is widened when read, and rounded when written. */
  data: Float32Array | Int32Array | Uint8Array;
}

export interface SafeTensors {
  metadata: Record<string, string>;
  arrays: Record<string, NamedArray>;
}

const bytesOf = { F32: 4, F16: 2, I32: 4, U8: 1 } as const;
const mostHeaderBytes = 16 << 20;

export function encodeSafeTensors({ metadata, arrays }: SafeTensors): Buffer {
  let end = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  const parts: Buffer[] = [];
  for (const [name, array] of Object.entries(arrays)) {
    const bytes = encodeArray(array);
    header[name] = { dtype: array.type, shape: array.shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
    parts.push(bytes);
  }
  const json = JSON.stringify(header);
  // Spaces after the header keep the arrays aligned.
  const text = Buffer.from(
    json.padEnd(Math.ceil(Buffer.byteLength(json) / 8) * 8 - Buffer.byteLength(json) + json.length),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

/** @throws InvalidFileError beginning with `where` */
export function decodeSafeTensors(file: Buffer, where: string): SafeTensors {
  const wrong = (what: string): never => {
    throw new InvalidFileError(`${where}: ${what}; is it whole, and a predictor?`);
  };
  if (file.length < 8) wrong(`${file.length} bytes are no safetensors file`);
  const headerBytes = file.readBigUInt64LE();
  if (headerBytes > BigInt(Math.min(mostHeaderBytes, file.length - 8)))
    wrong(`a header of ${headerBytes} bytes does not fit`);
  const data = file.subarray(8 + Number(headerBytes));
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(file.toString('utf8', 8, 8 + Number(headerBytes)));
  } catch (cause) {
    throw new InvalidFileError(
      `${where}: its header is not JSON (${(cause as Error).message}); is it whole, and a predictor?`,
      { cause },
    );
  }
  if (typeof header !== 'object' || header === null) wrong('its header is no object');
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isTexts(metadata)) wrong('its metadata are not texts');
  const arrays = Object.entries(entries).map(([name, entry]) => [
    name,
    decodeArray(entry, data) ?? wrong(`the array ${name} does not fit`),
  ]);
  return { metadata: metadata as Record<string, string>, arrays: Object.fromEntries(arrays) };
}

/** The arrays as they come back from a file: rounded. */
export function asRead(arrays: SafeTensors['arrays']): SafeTensors['arrays'] {
  return decodeSafeTensors(encodeSafeTensors({ metadata: {}, arrays }), 'arrays').arrays;
}

function isTexts(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string');
}

function encodeArray({ type, data }: NamedArray): Buffer {
  if (type === 'U8') return Buffer.from(data);
  const bytes = Buffer.alloc(data.length * bytesOf[type]);
  data.forEach((value, i) => {
    if (type === 'F16') bytes.writeUInt16LE(toHalf(value), i * 2);
    else if (type === 'F32') bytes.writeFloatLE(value, i * 4);
    else bytes.writeInt32LE(value, i * 4);
  });
  return bytes;
}

function decodeArray(entry: unknown, data: Buffer): NamedArray | undefined {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (!isType(dtype)) return undefined;
  if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) return undefined;
  const [begin, end] = offsets as [number, number];
  const count = shape.reduce((product, size) => product * size, 1);
  if (end > data.length || end - begin !== count * bytesOf[dtype]) return undefined;
  // A copy, so that it begins where arrays may.
  const bytes = Uint8Array.from(data.subarray(begin, end)).buffer;
  return { type: dtype, shape, data: valuesIn(bytes, dtype) };
}

function valuesIn(bytes: ArrayBuffer, type: NamedArray['type']): NamedArray['data'] {
  if (type === 'F16') return fromHalves(new Uint16Array(bytes));
  if (type === 'F32') return new Float32Array(bytes);
  return type === 'I32' ? new Int32Array(bytes) : new Uint8Array(bytes);
}

function isType(value: unknown): value is NamedArray['type'] {
  return typeof value === 'string' && Object.hasOwn(bytesOf, value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);
}
