import { fromHalf, toHalf } from '../../lib/half-precision.js';

const groups = 8;
const groupValues = 32;
const blockValues = groups * groupValues;
const blockBytes = 144;

/**
 * block_q4_K: half d, half dmin, 12 bytes with a 6-bit scale and a 6-bit minimum per group of 32, 128 bytes of codes.
 * value = d * scale * code - dmin * minimum.
 *
 * Each group's range is taken as it is: from its minimum (or 0, if that is lower) to its maximum in 15 steps. ggml's own
 * quantiser searches for a smaller squared error; the layout is the same.
 */
export function quantizeQ4K(values: Float32Array, bytes: Uint8Array): void {
  for (let block = 0; block < values.length / blockValues; block++) {
    quantizeBlock(
      values.subarray(block * blockValues, (block + 1) * blockValues),
      bytes.subarray(block * blockBytes, (block + 1) * blockBytes),
    );
  }
}

function quantizeBlock(values: Float32Array, bytes: Uint8Array): void {
  const steps = new Float32Array(groups);
  const minimums = new Float32Array(groups);
  for (let group = 0; group < groups; group++) {
    const [lowest, highest] = range(values.subarray(group * groupValues, (group + 1) * groupValues));
    steps[group] = (highest - lowest) / 15;
    minimums[group] = 0 - lowest; // not -lowest: that would make -0 of 0
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, 4);
  header.setUint16(0, toHalf(Math.max(...steps) / 63), true);
  header.setUint16(2, toHalf(Math.max(...minimums) / 63), true);
  // Codes are chosen for the scales as stored, so that rounding them costs as little as possible.
  const scale = fromHalf(header.getUint16(0, true));
  const minimumScale = fromHalf(header.getUint16(2, true));

  for (let group = 0; group < groups; group++) {
    const scaleCode = sixBits(steps[group] as number, scale);
    const minimumCode = sixBits(minimums[group] as number, minimumScale);
    storeScales(bytes.subarray(4, 16), group, scaleCode, minimumCode);
    const step = scale * scaleCode;
    const minimum = minimumScale * minimumCode;
    // Groups 2n and 2n+1 share 32 bytes: the even group in the low half-bytes.
    const codes = bytes.subarray(16 + (group >> 1) * 32, 16 + (group >> 1) * 32 + 32);
    for (let index = 0; index < groupValues; index++) {
      const value = values[group * groupValues + index] as number;
      const code = step === 0 ? 0 : Math.min(15, Math.max(0, Math.round((value + minimum) / step)));
      codes[index] = (codes[index] as number) | (code << (4 * (group & 1)));
    }
  }
}

/** Lowest (at most 0: a minimum cannot be positive in this format) and highest (at least 0) value. */
function range(values: Float32Array): [number, number] {
  let lowest = 0;
  let highest = 0;
  for (const value of values) {
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  return [lowest, highest];
}

function sixBits(value: number, unit: number): number {
  return unit === 0 ? 0 : Math.min(63, Math.round(value / unit));
}

/** Groups 0..3 have bytes of their own; 4..7 put four bits in bytes 8..11 and two in the top of the first eight. */
function storeScales(packed: Uint8Array, group: number, scale: number, minimum: number): void {
  if (group < 4) {
    packed[group] = scale;
    packed[group + 4] = minimum;
  } else {
    packed[group + 4] = (scale & 15) | ((minimum & 15) << 4);
    packed[group - 4] = (packed[group - 4] as number) | ((scale >> 4) << 6);
    packed[group] = (packed[group] as number) | ((minimum >> 4) << 6);
  }
}
