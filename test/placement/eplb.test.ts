import { describe, expect, it } from 'vitest';
import { balancedPacking, rebalanceExperts, replicate } from '../../lib/placement/eplb.js';

/** The example of EPLB's README, two layers. */
const load = [
  [90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86],
  [20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27],
];
const cluster = { replicas: 16, gpus: 8 };

/** [gpus] of a layer; an expert's copies share its load. */
function gpuLoads(slots: number[], layer: number[]): number[] {
  const copies = (expert: number) => slots.filter((other) => other === expert).length;
  return Array.from({ length: cluster.gpus }, (_, gpu) =>
    slots.slice(2 * gpu, 2 * gpu + 2).reduce((sum, expert) => sum + (layer[expert] as number) / copies(expert), 0),
  );
}

describe('EPLB', () => {
  it('hierarchical: the map of its README', () => {
    const slots = rebalanceExperts(load, { ...cluster, groups: 4, nodes: 2 });
    expect(slots).toEqual([
      [5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1],
      [7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1],
    ]);
    expect(gpuLoads(slots[0] as number[], load[0] as number[])).toEqual([
      121.5, 86.5, 125, 113, 147.5, 131.5, 156, 152,
    ]);
  });

  it('global: the map of an independent implementation', () => {
    const expected = [
      [10, 6, 10, 7, 0, 2, 11, 4, 5, 9, 5, 4, 8, 3, 1, 1],
      [1, 10, 2, 4, 5, 11, 5, 0, 6, 7, 6, 3, 8, 8, 9, 7],
    ];
    expect(rebalanceExperts(load, { ...cluster })).toEqual(expected);
    // Groups that do not divide by nodes make it global.
    expect(rebalanceExperts(load, { ...cluster, groups: 3, nodes: 2 })).toEqual(expected);
  });

  it('packs the heaviest first, onto the lightest with room, the first of equals', () => {
    expect(balancedPacking([1, 5, 5, 2], 2)).toEqual([
      [1, 3],
      [2, 0],
    ]);
    expect(balancedPacking([3, 9], 2)).toEqual([[0], [1]]);
  });

  it('copies whoever has the most load per copy, up to a limit', () => {
    expect(replicate([6, 1, 4], 6)).toEqual({ copyOf: [0, 1, 2, 0, 2, 0], copies: [3, 1, 2] });
    expect(replicate([6, 1, 4], 6, 2)).toEqual({ copyOf: [0, 1, 2, 0, 2, 1], copies: [2, 2, 2] });
  });

  it('refuses numbers that do not divide', () => {
    expect(() => rebalanceExperts(load, { replicas: 10, gpus: 2 })).toThrow(
      'replicas is 10, but a layer has 12 experts',
    );
    expect(() => rebalanceExperts(load, { replicas: 14, gpus: 4 })).toThrow('14 replicas do not divide by 4 GPUs');
    expect(() => rebalanceExperts(load, { replicas: 16, gpus: 8, groups: 8, nodes: 2 })).toThrow('12 experts do not');
  });
});
