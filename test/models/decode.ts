/** Fixtures are base64; these turn them into numbers. */

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

export function floats(text: string): Float32Array {
  return new Float32Array(bytes(text).buffer);
}

export function halves(text: string): Uint16Array {
  return new Uint16Array(bytes(text).buffer);
}

/**
 * Decodes Q4_K blocks, written from the layout in ggml-common.h and checked in quantize.test.ts against gguf-py's
 * decoding; the code under test has no decoder.
 */
export function decodeQ4K(blocks: Uint8Array, fromHalf: (bits: number) => number): Float32Array {
  const values = new Float32Array((blocks.length / 144) * 256);
  for (let index = 0; index < values.length; index++) {
    const block = blocks.subarray(Math.floor(index / 256) * 144);
    const group = Math.floor(index / 32) % 8;
    const byte = (at: number) => block[at] as number;
    const low = group < 4;
    const scale = low ? byte(4 + group) & 63 : (byte(8 + group) & 15) | ((byte(group) >> 6) << 4);
    const minimum = low ? byte(8 + group) & 63 : (byte(8 + group) >> 4) | ((byte(4 + group) >> 6) << 4);
    const code = (byte(16 + (group >> 1) * 32 + (index % 32)) >> (4 * (group & 1))) & 15;
    const step = Math.fround(fromHalf(byte(0) | (byte(1) << 8)) * scale);
    const offset = Math.fround(fromHalf(byte(2) | (byte(3) << 8)) * minimum);
    values[index] = Math.fround(step * code) - offset;
  }
  return values;
}
