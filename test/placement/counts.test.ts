import { describe, expect, it } from 'vitest';
import { placement, type Trace } from '../../lib/index.js';
import { header, topicalTrace, traceOf } from './routes.js';

const { countRoutes } = placement;

/** Counts that are not zero, by their indices. */
function entries(values: Float64Array, experts: number, depth: 2 | 3): Record<string, number> {
  const found: Record<string, number> = {};
  values.forEach((value, at) => {
    if (value === 0) return;
    const indices = [Math.floor(at / experts) % experts, at % experts];
    const first = Math.floor(at / experts ** (depth - 1));
    found[[first, ...indices.slice(3 - depth)].join()] = Math.round(value * 1e6) / 1e6;
  });
  return found;
}

// Two sequences of a token each.
const sequences = [
  [
    [
      [0, 1],
      [2, 3],
      [1, 0],
    ],
  ],
  [
    [
      [3, 0],
      [-1, -1],
      [2, 1],
    ],
  ],
];
const weights = [
  [0.75, 0.25, 3, 1, 0.5, 0.5],
  [0.5, 0.5, 0, 0, 0.9, 0.1],
];

describe('counts', () => {
  it('are what one counts by hand', async () => {
    const { train, test } = await countRoutes(traceOf(header, sequences, weights), 'none');
    expect([train.tokens, train.transitions, test.tokens]).toEqual([2, 2, 0]);
    expect(entries(train.path, 4, 3)).toEqual({ '0,0,2': 1, '1,2,1': 1 });
    expect(entries(train.pairs, 4, 3)).toEqual({
      '0,0,2': 0.5625,
      '0,0,3': 0.1875,
      '0,1,2': 0.1875,
      '0,1,3': 0.0625,
      '1,2,1': 0.375,
      '1,2,0': 0.375,
      '1,3,1': 0.125,
      '1,3,0': 0.125,
    });
    // Of the second token's layers the one in the middle is missing, and with it both of its steps.
    expect(entries(train.load, 4, 2)).toEqual({
      '0,0': 2,
      '0,1': 1,
      '0,3': 1,
      '1,2': 1,
      '1,3': 1,
      '2,0': 1,
      '2,1': 2,
      '2,2': 1,
    });
    expect(entries(train.together, 4, 3)).toMatchObject({ '0,0,1': 1, '0,1,0': 1, '0,0,3': 1, '2,0,1': 1, '2,1,2': 1 });
  });

  it('weigh all pairs alike where there are no weights, or none that say something', async () => {
    const [first] = sequences as [number[][][]];
    for (const trace of [traceOf(header, [first]), traceOf(header, [first], [[0, 0, 0, 0, 0, 0]])]) {
      const { train } = await countRoutes(trace, 'none');
      expect(entries(train.pairs, 4, 3)).toMatchObject({ '0,0,2': 0.25, '0,0,3': 0.25, '1,3,0': 0.25 });
    }
  });

  it('of one expert per token are the counts of the paper, and those of all pairs', async () => {
    const trace = topicalTrace({ layers: 4, experts: 6, k: 1 }, 3);
    const { train } = await countRoutes(trace, 'none');
    const paper = new Float64Array(3 * 36);
    for await (const { count, experts } of trace.chunks()) {
      for (let token = 0; token < count; token++) {
        for (let layer = 0; layer < 3; layer++) {
          const [from, to] = [experts[token * 4 + layer] as number, experts[token * 4 + layer + 1] as number];
          paper[layer * 36 + from * 6 + to] = (paper[layer * 36 + from * 6 + to] as number) + 1;
        }
      }
    }
    expect(train.path).toEqual(paper);
    expect(train.pairs).toEqual(paper);
  });

  it('are split by sequences', async () => {
    const trace = topicalTrace({ layers: 2, experts: 4, k: 1 }, 2, { sequences: 100, tokens: 1 });
    const tokens = async (holdout: placement.Holdout) => {
      const { train, test } = await countRoutes(trace, holdout);
      return [train.tokens, test.tokens] as const;
    };
    expect(await tokens('even-odd')).toEqual([50, 50]);
    expect(await tokens('none')).toEqual([100, 0]);
    const [train, test] = await tokens(0.2);
    expect(train + test).toBe(100);
    expect(test).toBeGreaterThan(10);
    expect(test).toBeLessThan(30);
  });

  it('refuse experts that there are not, with the place', async () => {
    const bad = (token: number[][]): Trace =>
      traceOf(header, [
        [
          [
            [0, 1],
            [2, 3],
            [1, 0],
          ] as number[][],
          token,
        ],
      ] as number[][][][]);
    const counted = (token: number[][]) => countRoutes(bad(token), 'none');
    await expect(
      counted([
        [0, 1],
        [2, 4],
        [1, 0],
      ]),
    ).rejects.toThrow('trace: token 1: layer 1: expert 4');
    await expect(
      counted([
        [0, 1],
        [2, -1],
        [1, 0],
      ]),
    ).rejects.toThrow('trace: token 1: layer 1: expert -1');
    await expect(
      counted([
        [-1, 1],
        [2, 3],
        [1, 0],
      ]),
    ).rejects.toThrow('trace: token 1: layer 0: only some');
  });
});
