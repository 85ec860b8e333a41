import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromBrainFloat, fromHalf, toBrainFloat, toHalf } from '../../lib/half-precision.js';
import { quantize } from '../../models/gguf/quantize.js';
import { bytes, decodeQ4K, floats, halves } from './decode.js';

const fixture = JSON.parse(readFileSync(new URL('./fixtures/quantized.json', import.meta.url), 'utf8'));

describe('16-bit floats', () => {
  it('round to half precision as numpy does: ties to even, subnormals, overflow to infinity', () => {
    const expected = [...halves(fixture.half.bits)];
    expect([...floats(fixture.half.values)].map(toHalf)).toEqual(expected);
  });

  it('round to bfloat16 as gguf-py does', () => {
    const expected = [...halves(fixture.brainFloat.bits)];
    expect([...floats(fixture.brainFloat.values)].map(toBrainFloat)).toEqual(expected);
  });

  it('come back from every bit pattern that is a number', () => {
    const patterns = Array.from({ length: 0x10000 }, (_, pattern) => pattern);
    const lost = (from: (bits: number) => number, to: (value: number) => number) =>
      patterns.filter((pattern) => !Number.isNaN(from(pattern)) && to(from(pattern)) !== pattern);
    expect(lost(fromHalf, toHalf)).toEqual([]);
    expect(lost(fromBrainFloat, toBrainFloat)).toEqual([]);
  });

  it('keep NaN', () => {
    expect(fromHalf(toHalf(Number.NaN))).toBeNaN();
    expect(fromBrainFloat(toBrainFloat(Number.NaN))).toBeNaN();
  });
});

describe('quantize', () => {
  it.each(['F16', 'BF16', 'Q8_0', 'Q4_0'] as const)('gives the bytes of gguf-py for %s', (type) => {
    expect(quantize(type, floats(fixture.values))).toEqual(bytes(fixture.quantized[type]));
  });

  it('keeps float32 as it is', () => {
    expect(quantize('F32', floats(fixture.values))).toEqual(bytes(fixture.values));
  });

  it('finds the Q4_K block that holds the values exactly, when there is one', () => {
    expect(quantize('Q4_K', floats(fixture.q4k.exact.values))).toEqual(bytes(fixture.q4k.exact.bytes));
  });

  it('stays within one Q4_K step of every value', () => {
    expect(decodeQ4K(bytes(fixture.q4k.any.bytes), fromHalf)).toEqual(floats(fixture.q4k.any.values));
    const values = floats(fixture.values);
    const decoded = decodeQ4K(quantize('Q4_K', values), fromHalf);
    for (let start = 0; start < values.length; start += 256) {
      const block = [...values.subarray(start, start + 256)];
      // Half a code of the widest group, and what 6-bit scales and minimums lose.
      const allowed = (Math.max(0, ...block) - Math.min(0, ...block)) * (0.5 / 15 + 1 / 63);
      block.forEach((value, index) => {
        expect(Math.abs((decoded[start + index] as number) - value)).toBeLessThanOrEqual(allowed);
      });
    }
  });

  it('makes a block of zeros from zeros', () => {
    expect(quantize('Q4_K', new Float32Array(256)).every((byte) => byte === 0)).toBe(true);
    expect(quantize('Q8_0', new Float32Array(32)).every((byte) => byte === 0)).toBe(true);
  });

  it('says which value cannot be stored, and when blocks are not whole', () => {
    expect(() => quantize('Q8_0', new Float32Array(33))).toThrow(/blocks of 32 values; 33 values/);
    const values = new Float32Array(256);
    values[40] = Number.NaN;
    expect(() => quantize('Q4_K', values)).toThrow(/value 40 is NaN/);
  });
});
