/** GGUF metadata value types and their numbers in the file (gguf.md, "gguf_metadata_value_type"). */
const valueTypes = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

type ElementType = Exclude<keyof typeof valueTypes, 'array'>;
type Element = number | bigint | boolean | string;

/** One metadata value with the type it has in the file. */
export type MetadataValue =
  | { type: ElementType; value: Element }
  | { type: 'array'; elementType: ElementType; values: readonly Element[] };

/** Metadata in file order. */
export type Metadata = ReadonlyMap<string, MetadataValue>;

export const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });
export const float32 = (value: number): MetadataValue => ({ type: 'float32', value });
export const bool = (value: boolean): MetadataValue => ({ type: 'bool', value });
export const string = (value: string): MetadataValue => ({ type: 'string', value });
export const strings = (values: readonly string[]): MetadataValue => ({ type: 'array', elementType: 'string', values });
export const int32s = (values: readonly number[]): MetadataValue => ({ type: 'array', elementType: 'int32', values });

/** A string as GGUF stores it: 64-bit length in bytes, then UTF-8. */
export function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}

/**
 * Key, type and value as they stand in the file.
 *
 * @throws Error when the value does not fit the type.
 */
export function encodeMetadata(key: string, entry: MetadataValue): Buffer {
  try {
    const head = [encodeString(key), encodeUint32(valueTypes[entry.type])];
    if (entry.type !== 'array') return Buffer.concat([...head, encodeElement(entry.type, entry.value)]);
    const count = Buffer.alloc(8);
    count.writeBigUInt64LE(BigInt(entry.values.length));
    const elements = entry.values.map((value) => encodeElement(entry.elementType, value));
    return Buffer.concat([...head, encodeUint32(valueTypes[entry.elementType]), count, ...elements]);
  } catch (cause) {
    throw new Error(`metadata ${key}: ${(cause as Error).message}`, { cause });
  }
}

function encodeUint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function encodeElement(type: ElementType, value: Element): Buffer {
  if (type === 'string') {
    if (typeof value !== 'string') throw new Error(`expected a string, found ${typeof value}`);
    return encodeString(value);
  }
  if (type === 'bool') {
    if (typeof value !== 'boolean') throw new Error(`expected a boolean, found ${typeof value}`);
    return Buffer.from([value ? 1 : 0]);
  }
  if (typeof value !== 'number' && typeof value !== 'bigint')
    throw new Error(`expected a number, found ${typeof value}`);
  return encodeNumber(type, value);
}

function encodeNumber(type: Exclude<ElementType, 'string' | 'bool'>, value: number | bigint): Buffer {
  const buffer = Buffer.alloc(8);
  const number = Number(value);
  if (!type.startsWith('float') && !Number.isInteger(number)) throw new Error(`${value} is not an integer (${type})`);
  const writers = {
    uint8: () => buffer.writeUInt8(number),
    int8: () => buffer.writeInt8(number),
    uint16: () => buffer.writeUInt16LE(number),
    int16: () => buffer.writeInt16LE(number),
    uint32: () => buffer.writeUInt32LE(number),
    int32: () => buffer.writeInt32LE(number),
    float32: () => buffer.writeFloatLE(number),
    uint64: () => buffer.writeBigUInt64LE(BigInt(value)),
    int64: () => buffer.writeBigInt64LE(BigInt(value)),
    float64: () => buffer.writeDoubleLE(number),
  };
  return buffer.subarray(0, writers[type]());
}
