import { describe, expect, it } from 'vitest';
import { localityFor } from '../../bench/synthetic/locality.js';
import { modelBytes, syntheticModel } from '../../bench/synthetic/model.js';
import { shapes } from '../../bench/synthetic/shapes.js';
import { WeightPool } from '../../bench/synthetic/weights.js';
import { fromHalf } from '../../lib/half-precision.js';
import { tensorBytes } from '../../models/gguf/tensor-types.js';
import { decodeQ4K } from './decode.js';

describe('synthetic models', () => {
  // Parameters as the model cards state them: OLMoE-1B-7B 6.9 billion, Qwen3-30B-A3B 30.5 billion.
  it.each([
    ['olmoe-1b-7b', 6.92e9],
    ['qwen3-30b-a3b', 30.53e9],
  ])('have the size of %s', (name, parameters) => {
    const shape = shapes[name];
    if (!shape) throw new Error(`no shape ${name}`);
    expect(modelBytes(shape, 'BF16') / 2 / parameters).toBeCloseTo(1, 2);
  });

  it('give every tensor exactly its bytes, the same for the same seed', () => {
    const shape = { ...shapes['olmoe-1b-7b'], layers: 1, vocabulary: 300, experts: 3 } as (typeof shapes)[string];
    const write = (seed: number) =>
      syntheticModel(shape, 'Q4_0', seed).tensors.map((tensor) => {
        const pieces = [...(tensor.data() as Iterable<Uint8Array>)];
        const bytes = Buffer.concat(pieces);
        expect(bytes.length).toBe(tensorBytes(tensor.name, tensor.type, tensor.dimensions));
        return bytes;
      });
    const [first, same, other] = [write(1), write(1), write(2)];
    expect(first.every((bytes, index) => bytes.equals(same[index] as Buffer))).toBe(true);
    expect(first.some((bytes, index) => bytes.equals(other[index] as Buffer) && bytes.length > 65536)).toBe(false);
  });

  it('have no two rows alike in a matrix far bigger than the pool of random blocks', () => {
    const pool = new WeightPool(1);
    const rowBytes = (2048 / 256) * 144;
    const bytes = Buffer.concat([...pool.matrix('output.weight', 'Q4_K', 2048, 6000)]);
    const rows = Array.from({ length: 6000 }, (_, row) =>
      bytes.toString('latin1', row * rowBytes, (row + 1) * rowBytes),
    );
    expect(new Set(rows).size).toBe(6000);
  });

  it('have weights around zero with standard deviation 1/sqrt(row length)', () => {
    const bytes = Buffer.concat([...new WeightPool(3).matrix('blk.0.attn_q.weight', 'Q4_K', 1024, 256)]);
    const values = decodeQ4K(bytes, fromHalf);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.02 / 32);
    expect(Math.sqrt(variance) * 32).toBeCloseTo(1, 1);
  });
});

describe('synthetic models with a chosen reuse', () => {
  const shape = { ...shapes['olmoe-1b-7b'], layers: 2, vocabulary: 300, experts: 3 } as (typeof shapes)[string];
  const tensors = (seed: number, strength?: number) =>
    new Map(
      syntheticModel(shape, 'Q8_0', seed, strength === undefined ? undefined : { strength }).tensors.map((tensor) => {
        const bytes = Buffer.concat([...(tensor.data() as Iterable<Uint8Array>)]);
        expect(bytes.length).toBe(tensorBytes(tensor.name, tensor.type, tensor.dimensions));
        return [tensor.name, bytes];
      }),
    );
  /** The first block of a row: scale and 32 codes. */
  const rowStart = (bytes: Buffer | undefined, row: number) => {
    const at = row * (2048 / 32) * 34;
    const scale = fromHalf(bytes?.readUInt16LE(at) ?? 0);
    return Array.from({ length: 32 }, (_, index) => scale * (bytes?.readInt8(at + 2 + index) ?? 0));
  };

  it('are the same for the same seed, and leave the experts as they are without it', () => {
    const [first, same, without] = [tensors(1, 5), tensors(1, 5), tensors(1)];
    for (const [name, bytes] of first) expect(bytes.equals(same.get(name) as Buffer)).toBe(true);
    const changed = [...first].filter(([name, bytes]) => !bytes.equals(without.get(name) as Buffer));
    expect(changed.map(([name]) => name)).toEqual([
      'token_embd.weight',
      'blk.0.attn_q.weight',
      'blk.0.attn_k.weight',
      'blk.0.attn_v.weight',
      'blk.0.attn_output.weight',
      'blk.0.ffn_gate_inp.weight',
      'blk.1.attn_v.weight',
      'blk.1.ffn_gate_inp.weight',
      'output.weight',
    ]);
  });

  it('give every embedding the constants, which routers and the output head do not see', () => {
    const made = tensors(1, 5);
    for (const value of rowStart(made.get('token_embd.weight'), 299)) expect(value).toBeCloseTo(1, 3);
    expect(rowStart(made.get('output.weight'), 299)).toEqual(new Array(32).fill(0));
    const router = made.get('blk.1.ffn_gate_inp.weight') as Buffer;
    expect(Array.from({ length: 33 }, (_, index) => router.readFloatLE((2 * 2048 + index) * 4)).map(Boolean)).toEqual([
      ...new Array(32).fill(false),
      true,
    ]);
    // Pairs 16 to 47 of 64, in either half of the head.
    const seesConstants = [15, 16, 47, 48, 79, 80, 111, 112].map((row) =>
      rowStart(made.get('blk.0.attn_k.weight'), row).some(Boolean),
    );
    expect(seesConstants).toEqual([false, true, true, false, false, true, true, false]);
  });

  it('go between the strengths measured', () => {
    expect(localityFor('olmoe-1b-7b', 0.39).strength).toBeCloseTo(5);
    expect(localityFor('olmoe-1b-7b', 0.425).strength).toBeCloseTo(5.5);
    expect(localityFor('olmoe-1b-7b', 0.14).strength).toBeCloseTo(1);
  });

  it.each([0.1, 0.5, Number.NaN])('say which shares there are instead of %d', (reuse) =>
    expect(() => localityFor('olmoe-1b-7b', reuse)).toThrow('from 0.14 to 0.46'),
  );

  it('say which shapes were measured', () =>
    expect(() => localityFor('qwen3-30b-a3b', 0.4)).toThrow('use --shape olmoe-1b-7b'));
});
