/** 16-bit floats as bit patterns. Rounding is to nearest, ties to even, as IEEE 754 and GGML have it. */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Bits of the nearest half-precision (IEEE binary16) number; too large becomes infinity, NaN stays NaN. */
export function toHalf(value: number): number {
  float[0] = value;
  const pattern = bits[0] as number;
  const sign = (pattern >>> 16) & 0x8000;
  const magnitude = pattern & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and above
  if (magnitude < 0x38800000) return sign | subnormalHalf(magnitude);
  // Adding just under half of the dropped part, plus the lowest kept bit, carries into the exponent when it must.
  const rounded = magnitude + 0x0fff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** Below 2^-14 a half counts units of 2^-24. */
function subnormalHalf(magnitude: number): number {
  const exponent = magnitude >>> 23;
  if (exponent < 102) return 0; // under half a unit
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent;
  const kept = mantissa >>> shift;
  const dropped = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return kept + (dropped > half || (dropped === half && (kept & 1) === 1) ? 1 : 0);
}

/** The number a half-precision bit pattern stands for. */
export function fromHalf(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >>> 10) & 0x1f;
  const mantissa = pattern & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

let allHalves: Float32Array | undefined;

/** The numbers that many bit patterns stand for, by a table: leaves no garbage behind. */
export function fromHalves(patterns: Uint16Array): Float32Array {
  allHalves ??= Float32Array.from({ length: 1 << 16 }, (_, pattern) => fromHalf(pattern));
  const values = new Float32Array(patterns.length);
  for (let i = 0; i < patterns.length; i++) values[i] = allHalves[patterns[i] as number] as number;
  return values;
}

/** Bits of the nearest bfloat16 number; NaN stays NaN. */
export function toBrainFloat(value: number): number {
  float[0] = value;
  const pattern = bits[0] as number;
  if ((pattern & 0x7fffffff) > 0x7f800000) return (pattern >>> 16) | 0x40;
  return ((pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number a bfloat16 bit pattern stands for. */
export function fromBrainFloat(pattern: number): number {
  bits[0] = pattern << 16;
  return float[0] as number;
}
