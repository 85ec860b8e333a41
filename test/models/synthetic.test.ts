import { describe, expect, it } from 'vitest';
import { modelBytes, syntheticModel } from '../../bench/synthetic/model.js';
import { shapes } from '../../bench/synthetic/shapes.js';
import { WeightPool } from '../../bench/synthetic/weights.js';
import { fromHalf } from '../../models/gguf/half-precision.js';
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
