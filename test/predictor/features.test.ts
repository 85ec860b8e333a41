/** What the native data set says of the past, against a plain recount. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nativeAddon } from '../../lib/native.js';
import { routeViews } from '../../predictor/weights.js';

const shape = { layers: 2, experts: 3, expertsUsed: 1 };
const outputs = shape.layers * shape.experts;

interface Token {
  id: number;
  /** Of each layer; -1: not known. */
  route: [number, number];
}

const multiHot = (route: readonly number[]) => {
  const row = new Array<number>(outputs).fill(0);
  route.forEach((expert, layer) => {
    if (expert >= 0) row[layer * shape.experts + expert] = 1;
  });
  return row;
};
const known = (token: Token) => token.route.some((expert) => expert >= 0);
const weighted = (rows: [number[], number][]) => {
  const sum = rows.reduce((total, [, weight]) => total + weight, 0);
  return Array.from(
    { length: outputs },
    (_, i) => rows.reduce((x, [row, w]) => x + (row[i] as number) * w, 0) / (sum || 1),
  );
};

/** By definition: the newest place before `at` where the last n ids stood, for the largest n up to 4. */
function matchOf(tokens: readonly Token[], at: number): { length: number; position: number } {
  for (let n = 4; n >= 1; n--) {
    for (let position = at - 1; position >= n - 1 && at >= n - 1; position--) {
      const same = Array.from({ length: n }, (_, back) => back).every(
        (back) => tokens[position - back]?.id === tokens[at - back]?.id,
      );
      if (same && known(tokens[position] as Token)) return { length: n, position };
    }
  }
  return { length: 0, position: -1 };
}

function viewsOf(tokens: readonly Token[], at: number): Record<(typeof routeViews)[number], number[]> {
  const row = (i: number) => multiHot(tokens[i]?.route ?? []);
  const shares = (decay: number) => {
    const ages = Array.from({ length: Math.min(at, 64) }, (_, i) => i + 1).filter((age) =>
      known(tokens[at - age] as Token),
    );
    return weighted(ages.map((age) => [row(at - age), decay ** (age - 1)]));
  };
  const places = Array.from({ length: at }, (_, i) => at - 1 - i).filter(
    (i) => tokens[i]?.id === tokens[at]?.id && known(tokens[i] as Token),
  );
  const { length, position } = matchOf(tokens, at);
  return {
    previous: at > 0 ? row(at - 1) : row(-1),
    matched: length > 0 ? row(position) : row(-1),
    recurring: weighted(places.slice(0, 8).map((i, age) => [row(i), 0.8 ** age])),
    fast: shares(0.5),
    medium: shares(0.9),
    slow: shares(0.98),
  };
}

const tokens = fc.array(
  fc.record({
    id: fc.nat(3),
    route: fc.oneof(
      { weight: 5, arbitrary: fc.tuple(fc.nat(2), fc.nat(2)) },
      { weight: 1, arbitrary: fc.constant([-1, -1] as [number, number]) },
    ),
  }),
  { minLength: 1, maxLength: 90 },
);

describe('the rows of recorded sequences', () => {
  it('say of the past what a recount says', () => {
    fc.assert(
      fc.property(fc.array(tokens, { minLength: 1, maxLength: 3 }), (sequences) => {
        const dataset = new (nativeAddon().RouteDataset)(shape);
        const expected: { tokens: Token[]; at: number }[] = [];
        for (const sequence of sequences) {
          const rows = dataset.add(
            Int32Array.from(sequence, ({ id }) => id),
            Int32Array.from(sequence.flatMap(({ route }) => route)),
          );
          const places = sequence.flatMap((token, at) => (known(token) ? [{ tokens: sequence, at }] : []));
          expect(rows).toBe(places.length);
          expected.push(...places);
        }
        const batch = dataset.batch(Int32Array.from(expected, (_, i) => i));
        expected.forEach(({ tokens, at }, row) => {
          expect(batch.tokens[row]).toBe(tokens[at]?.id);
          expect(batch.before[row]).toBe(at > 0 ? tokens[at - 1]?.id : -1);
          expect(batch.matchLengths[row]).toBe(matchOf(tokens, at).length);
          const slice = (values: Float32Array, from: number) =>
            Array.from(values.subarray(from * outputs, (from + 1) * outputs));
          expect(slice(batch.targets, row)).toEqual(multiHot(tokens[at]?.route ?? []));
          const views = viewsOf(tokens, at);
          routeViews.forEach((name, view) => {
            const got = slice(batch.views, view * expected.length + row);
            got.forEach((value, i) => {
              expect(value, `${name}, row ${row}`).toBeCloseTo(views[name][i] as number, 4);
            });
          });
        });
      }),
      { numRuns: 60 },
    );
  });

  it('of a sequence without tokens are none', () => {
    const dataset = new (nativeAddon().RouteDataset)(shape);
    expect(dataset.add(new Int32Array(), new Int32Array())).toBe(0);
    expect(dataset.batch(new Int32Array()).targets).toHaveLength(0);
  });

  it('are refused where they do not fit, naming what is wrong', () => {
    const dataset = new (nativeAddon().RouteDataset)(shape);
    expect(() => dataset.add(Int32Array.of(1), Int32Array.of(0))).toThrow(/1 experts for 1 tokens of 2/);
    expect(() => dataset.add(Int32Array.of(1, 1), Int32Array.of(0, 0, 0, 3))).toThrow(/token 1 uses expert 3 of 3/);
    expect(() => dataset.batch(Int32Array.of(0))).toThrow(/no row 0 among 0/);
    expect(() => new (nativeAddon().RouteDataset)({ layers: 0, experts: 3, expertsUsed: 1 })).toThrow(/layers/);
    expect(() => new (nativeAddon().RouteDataset)({ layers: 2, experts: 3, expertsUsed: 4 })).toThrow(
      /3 experts with 4/,
    );
  });
});
