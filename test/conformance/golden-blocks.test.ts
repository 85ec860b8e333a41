import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nativeAddon } from '../../lib/native/addon.js';
import { fixture } from '../support/fixtures.js';
import { firstDifference } from '../support/models.js';

interface Vectors {
  type: string;
  rows: number;
  cols: number;
  raw_base64: string;
  float32_le_base64: string;
}

const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));

// gguf-py and llama.cpp dequantise these blocks to the same bits: normal values, outliers, zero blocks, random bytes.
describe('blocks of every type are dequantised to the bits of gguf-py and llama.cpp', () => {
  const files = readdirSync(fixture('vectors'));

  it('covers every type that models come in', () => {
    const types = 'BF16 F16 IQ4_NL IQ4_XS MXFP4 Q2_K Q3_K Q4_0 Q4_1 Q4_K Q5_0 Q5_1 Q5_K Q6_K Q8_0';
    expect(files.map((file) => file.replace('.json', '')).sort()).toEqual(types.split(' '));
  });

  it.each(files)('%s', (file) => {
    const vectors = JSON.parse(readFileSync(fixture(`vectors/${file}`), 'utf8')) as Vectors;
    const expected = new Float32Array(bytesOf(vectors.float32_le_base64).buffer);

    const values = nativeAddon().dequantize(vectors.type, bytesOf(vectors.raw_base64));

    expect(values.length).toBe(vectors.rows * vectors.cols);
    expect(firstDifference(values, expected)).toBeUndefined();
  });

  it('refuses half a block and a type that it does not know', () => {
    expect(() => nativeAddon().dequantize('Q8_0', new Uint8Array(35))).toThrow(/multiple of Q8_0's block of 34/);
    expect(() => nativeAddon().dequantize('Q9_9', new Uint8Array(34))).toThrow(/type Q9_9 is unknown/);
  });
});
