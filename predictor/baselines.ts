/** What a trained predictor has to beat: guesses that need no training but counting. */

import { pieces, type RouteRows, rowsOf, type SequenceRows } from './dataset.js';
import type { Scorer } from './evaluate.js';

export const baselines = ['popularity', 'previous-token', 'token-table', 'token-and-previous', 'oracle'] as const;
export type Baseline = (typeof baselines)[number];

/** Learned from the training sequences by counting. */
export function baselineScores(routes: RouteRows, training: readonly SequenceRows[]): Record<Baseline, Scorer> {
  const { dataset, shape } = routes;
  const outputs = shape.layers * shape.experts;
  const counts = countRoutes(routes, rowsOf(training));
  // Shares of a layer's uses.
  const popularity = counts.all.map((count) => count / (counts.rows * shape.expertsUsed || 1));
  const nothing = new Float64Array(outputs);
  const byRow =
    (score: (at: number, table: Float64Array, n: number, previous: number) => number): Scorer =>
    (rows) => {
      const { tokens, views } = dataset.batch(rows);
      const scores = new Float64Array(rows.length * outputs);
      tokens.forEach((token, row) => {
        const table = counts.byToken.get(token) ?? nothing;
        const n = counts.tokens.get(token) ?? 0;
        // The first view is that of the token before.
        for (let at = 0; at < outputs; at++) {
          scores[row * outputs + at] = score(at, table, n, views[row * outputs + at] as number);
        }
      });
      return scores;
    };
  const popular = (at: number) => popularity[at] as number;
  return {
    popularity: byRow(popular),
    'previous-token': byRow((_at, _table, _n, previous) => previous),
    'token-table': byRow((at, table) => (table[at] as number) + 0.5 * popular(at)),
    'token-and-previous': byRow(
      (at, table, n, previous) => ((table[at] as number) + 4 * popular(at)) / (n + 1) + 0.2 * previous,
    ),
    oracle: (rows) => dataset.batch(rows).targets,
  };
}

interface Counts {
  rows: number;
  /** [layers * experts] uses. */
  all: Float64Array;
  /** By token id: the same, and the rows with it. */
  byToken: Map<number, Float64Array>;
  tokens: Map<number, number>;
}

function countRoutes({ dataset, shape }: RouteRows, rows: Int32Array): Counts {
  const outputs = shape.layers * shape.experts;
  const counts: Counts = { rows: rows.length, all: new Float64Array(outputs), byToken: new Map(), tokens: new Map() };
  for (const piece of pieces(rows, 256)) {
    const { tokens, targets } = dataset.batch(piece);
    tokens.forEach((token, row) => {
      let table = counts.byToken.get(token);
      if (!table) counts.byToken.set(token, (table = new Float64Array(outputs)));
      counts.tokens.set(token, (counts.tokens.get(token) ?? 0) + 1);
      for (let at = 0; at < outputs; at++) {
        const used = targets[row * outputs + at] as number;
        table[at] = (table[at] as number) + used;
        counts.all[at] = (counts.all[at] as number) + used;
      }
    });
  }
  return counts;
}
