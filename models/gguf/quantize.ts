import { toBrainFloat, toHalf } from '../../lib/half-precision.js';
import { quantizeQ4K } from './quantize-q4-k.js';
import { type TensorType, tensorTypes } from './tensor-types.js';

/**
 * Converts float32 values to a tensor type's bytes, little-endian, as GGML lays them out.
 *
 * Q8_0 and Q4_0 give the same bytes as ggml's reference quantisers; Q4_K has the same layout with a simpler choice of scales.
 *
 * @throws Error when the number of values is not a whole number of blocks, or a value is not finite.
 */
export function quantize(type: TensorType, values: Float32Array): Uint8Array {
  const { blockValues, blockBytes } = tensorTypes[type];
  if (values.length % blockValues !== 0) {
    throw new Error(`${type} stores blocks of ${blockValues} values; ${values.length} values do not fill whole blocks`);
  }
  const bytes = new Uint8Array((values.length / blockValues) * blockBytes);
  if (type === 'F32') bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  else if (type === 'F16') storeHalves(values, bytes, toHalf);
  else if (type === 'BF16') storeHalves(values, bytes, toBrainFloat);
  else {
    requireFinite(type, values);
    if (type === 'Q8_0') quantizeQ8(values, bytes);
    else if (type === 'Q4_0') quantizeQ4(values, bytes);
    else quantizeQ4K(values, bytes);
  }
  return bytes;
}

function requireFinite(type: TensorType, values: Float32Array): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new Error(`value ${bad} is ${values[bad]}: ${type} can hold only finite values`);
}

function storeHalves(values: Float32Array, bytes: Uint8Array, convert: (value: number) => number): void {
  for (let index = 0; index < values.length; index++) storeUint16(bytes, index * 2, convert(values[index] as number));
}

function storeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = value >>> 8;
}

/** block_q8_0: half d, 32 signed bytes; value = d * code. All arithmetic is rounded to float32, as ggml does it. */
function quantizeQ8(values: Float32Array, bytes: Uint8Array): void {
  for (let block = 0; block < values.length / 32; block++) {
    let largest = 0;
    for (let index = 0; index < 32; index++)
      largest = Math.max(largest, Math.abs(values[block * 32 + index] as number));
    const scale = Math.fround(largest / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const at = block * 34;
    storeUint16(bytes, at, toHalf(scale));
    for (let index = 0; index < 32; index++) {
      const scaled = Math.fround((values[block * 32 + index] as number) * inverse);
      // Half away from zero; Math.round goes up instead.
      bytes[at + 2 + index] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
    }
  }
}

/** block_q4_0: half d, 16 bytes; low half-bytes are values 0..15, high ones 16..31; value = d * (code - 8). */
function quantizeQ4(values: Float32Array, bytes: Uint8Array): void {
  for (let block = 0; block < values.length / 32; block++) {
    let extreme = 0;
    for (let index = 0; index < 32; index++) {
      const value = values[block * 32 + index] as number;
      if (Math.abs(value) > Math.abs(extreme)) extreme = value;
    }
    // The value farthest from zero gets code 0, hence -8: the scale may be negative.
    const scale = Math.fround(extreme / -8);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const at = block * 18;
    storeUint16(bytes, at, toHalf(scale));
    for (let index = 0; index < 16; index++) {
      const low = codeQ4(values[block * 32 + index] as number, inverse);
      const high = codeQ4(values[block * 32 + 16 + index] as number, inverse);
      bytes[at + 2 + index] = low | (high << 4);
    }
  }
}

function codeQ4(value: number, inverse: number): number {
  return Math.min(15, Math.trunc(Math.fround(Math.fround(value * inverse) + 8.5)));
}
