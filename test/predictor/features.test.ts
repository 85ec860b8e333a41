/** What the native data set says of the past, against a plain recount. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nativeAddon } from '../../lib/native/addon.js';
import type { NativeRouteDataset } from '../../lib/native/prediction.js';
import { routeViews } from '../../predictor/weights.js';

const shape = { layers: 2, experts: 3, expertsUsed: 1 };
const outputs = shape.layers * shape.experts;

interface Token {
  id: number;
  /** Of each layer; -1: not known. */
  route: [number, number];
  /** Whether the table learns from it. */
  learned: boolean;
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

/** The mean route of an id, one token of average use among it, and how many tokens it is of. */
function tableOf(
  sequences: readonly (readonly Token[])[],
  without: readonly Token[] | undefined,
  id: number | undefined,
) {
  const learned = (tokens: readonly Token[]) => tokens.filter((token) => token.learned && known(token));
  const rows = (tokens: readonly Token[]) => tokens.map(({ route }) => [multiHot(route), 1] as [number[], number]);
  const popularity = weighted(rows(learned(sequences.flat())));
  const others = learned(sequences.filter((sequence) => sequence !== without).flat()).filter(
    (token) => token.id === id,
  );
  return { count: others.length, mean: weighted([...rows(others), [popularity, 1]]) };
}

function bucketOf(count: number): number {
  if (count >= 32) return 4;
  if (count >= 8) return 3;
  if (count >= 3) return 2;
  return count >= 1 ? 1 : 0;
}

function laterOf(tokens: readonly Token[], at: number): number[] {
  return Array.from({ length: outputs }, (_, expert) => {
    const distance = tokens.slice(at + 1).findIndex(({ route }) => multiHot(route)[expert] === 1) + 1;
    return distance > 0 ? 0.5 ** (distance - 1) : 0;
  });
}

function viewsOf(
  sequences: readonly (readonly Token[])[],
  tokens: readonly Token[],
  at: number,
): Record<(typeof routeViews)[number], number[]> {
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
    succeeding: length > 0 && position + 1 < at ? row(position + 1) : row(-1),
    table: tableOf(sequences, tokens, tokens[at]?.id).mean,
  };
}

const tokens = fc.array(
  fc.record({
    id: fc.nat(3),
    route: fc.oneof(
      { weight: 5, arbitrary: fc.tuple(fc.nat(2), fc.nat(2)) },
      { weight: 1, arbitrary: fc.constant([-1, -1] as [number, number]) },
    ),
    learned: fc.boolean(),
  }),
  { minLength: 1, maxLength: 90 },
);

interface Row {
  tokens: Token[];
  at: number;
}

/** A data set of the sequences, and what its rows are of. */
function datasetOf(sequences: readonly Token[][]): { dataset: NativeRouteDataset; rows: Row[] } {
  const dataset = new (nativeAddon().RouteDataset)(shape);
  const all: Row[] = [];
  for (const sequence of sequences) {
    const rows = dataset.add(
      Int32Array.from(sequence, ({ id }) => id),
      Int32Array.from(sequence.flatMap(({ route }) => route)),
    );
    const places = sequence.flatMap((token, at) => (known(token) ? [{ tokens: sequence, at }] : []));
    expect(rows).toBe(places.length);
    all.push(...places);
  }
  return { dataset, rows: all };
}

const learnedRows = (rows: readonly Row[]) =>
  Int32Array.from(rows.flatMap(({ tokens, at }, row) => (tokens[at]?.learned ? [row] : [])));
const slice = (values: ArrayLike<number>, from: number) =>
  Array.from(values).slice(from * outputs, (from + 1) * outputs);

describe('the rows of recorded sequences', () => {
  it('say of the past, and of what comes, what a recount says', () => {
    fc.assert(
      fc.property(fc.array(tokens, { minLength: 1, maxLength: 3 }), (sequences) => {
        const { dataset, rows: expected } = datasetOf(sequences);
        dataset.learnTable(learnedRows(expected));
        const batch = dataset.batch(Int32Array.from(expected, (_, i) => i));
        expected.forEach(({ tokens, at }, row) => {
          expect(batch.tokens[row]).toBe(tokens[at]?.id);
          expect(batch.before[row]).toBe(at > 0 ? tokens[at - 1]?.id : -1);
          expect(batch.matchLengths[row]).toBe(matchOf(tokens, at).length);
          expect(batch.tableBuckets[row]).toBe(bucketOf(tableOf(sequences, tokens, tokens[at]?.id).count));
          expect(slice(batch.targets, row)).toEqual(multiHot(tokens[at]?.route ?? []));
          const later = laterOf(tokens, at);
          slice(batch.later, row).forEach((value, i) => {
            expect(value, `later, row ${row}`).toBeCloseTo(later[i] as number, 5);
          });
          const views = viewsOf(sequences, tokens, at);
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

  it('give a predictor the means of the ids that they hold, in 255 parts, and that of an unknown id first', () => {
    fc.assert(
      fc.property(fc.array(tokens, { minLength: 1, maxLength: 3 }), (sequences) => {
        const { dataset, rows } = datasetOf(sequences);
        const { tableTokens, table, tableBuckets } = dataset.learnTable(learnedRows(rows));
        const ids = rows.flatMap(({ tokens, at }) => tokens[at] ?? []).filter(({ learned }) => learned);
        expect(Array.from(tableTokens)).toEqual([...new Set(ids.map(({ id }) => id))].sort());
        [undefined, ...tableTokens].forEach((id, row) => {
          const { count, mean } = tableOf(sequences, undefined, id);
          expect(tableBuckets[row]).toBe(bucketOf(count));
          slice(table, row).forEach((value, i) => {
            expect(Math.abs(value - 255 * (mean[i] as number)), `id ${id}`).toBeLessThan(0.501);
          });
        });
      }),
      { numRuns: 30 },
    );
  });

  it('give no more than 16 MiB of them, those of the most frequent ids', () => {
    // Each takes 2^18 bytes: 64 of them fit, the first of which is nobody's.
    const wide = { layers: 64, experts: 4096, expertsUsed: 1 };
    const dataset = new (nativeAddon().RouteDataset)(wide);
    const rare = [3, 40, 41, 42, 77, 78, 79];
    const ids = Array.from({ length: 80 - 10 }, (_, i) => i + 10).concat(3);
    const tokens = ids.flatMap((id) => (rare.includes(id) ? [id] : [id, id]));
    dataset.add(Int32Array.from(tokens), new Int32Array(64 * tokens.length).fill(4095));
    const { tableTokens, table } = dataset.learnTable(Int32Array.from(tokens, (_, i) => i));
    expect(table).toHaveLength(16 * 2 ** 20);
    // 64 are frequent, of which the last one has no place any more.
    expect(Array.from(tableTokens)).toEqual(ids.filter((id) => !rare.includes(id)).slice(0, 63));
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
    expect(() => dataset.learnTable(Int32Array.of(0))).toThrow(/no row 0 among 0/);
    dataset.add(Int32Array.of(1), Int32Array.of(0, 0));
    expect(() => dataset.learnTable(Int32Array.of(0, 0))).toThrow(/row 0 is given twice/);
    expect(() => new (nativeAddon().RouteDataset)({ layers: 0, experts: 3, expertsUsed: 1 })).toThrow(/layers/);
    expect(() => new (nativeAddon().RouteDataset)({ layers: 2, experts: 3, expertsUsed: 4 })).toThrow(
      /3 experts with 4/,
    );
  });
});
