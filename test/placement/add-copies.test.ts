import { describe, expect, it } from 'vitest';
import { placement } from '../../lib/index.js';
import { addCopies } from '../../lib/placement/add-copies.js';
import { traceOf } from './routes.js';

const head = { layers: 2, experts: 4, k: 1, ranked: true };

/** Tokens by where they go: [from, to, how many]. */
async function countsOf(...steps: [from: number, to: number, count: number][]) {
  const tokens = steps.flatMap(([from, to, count]) => Array.from({ length: count }, () => [[from], [to]]));
  return (await placement.countRoutes(traceOf(head, [tokens]), 'none')).train;
}

describe('copies of experts', () => {
  it('go where tokens come from', async () => {
    // Experts 0 and 1 are on GPU 0 in both layers, and all tokens go from there to the other one, and back.
    const counts = await countsOf([0, 2, 10], [1, 3, 4], [3, 0, 7], [2, 1, 1]);
    const base = Int32Array.of(0, 0, 1, 1, 0, 0, 1, 1);
    const machines = { gpus: 2, nodes: Int32Array.of(0, 0), nodeCost: 1 };
    // In the first layer those whose tokens go on to the other GPU the most: 0 (10) and 3 (7). With half of their tokens at
    // each copy then, GPU 0 wants experts 2 (5) and 3 (4), and GPU 1 expert 0 (3.5) and 1 (1).
    expect(addCopies(counts, base, { affinity: 'path', replicas: 6 }, machines)).toEqual([
      [[0, 1], 0, 1, [0, 1]],
      [[0, 1], 0, [0, 1], 1],
    ]);
  });
});
