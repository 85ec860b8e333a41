/** A trace as rows to learn from and rows to test on. */

import { InvalidArgumentError } from '../lib/errors.js';
import { nativeAddon } from '../lib/native/addon.js';
import type { NativeRouteDataset } from '../lib/native/prediction.js';
import { type Holdout, isHeldOut } from '../lib/trace/holdout.js';
import type { Trace, TraceHeader } from '../lib/trace/trace.js';
import type { RouteShape, RouteWeights } from './weights.js';

/** Rows of one sequence, in order. */
export interface SequenceRows {
  sequence: number;
  first: number;
  count: number;
  heldOut: boolean;
}

export interface RouteRows {
  header: TraceHeader;
  shape: RouteShape;
  dataset: NativeRouteDataset;
  /** Those without rows are left out. */
  sequences: SequenceRows[];
}

/** Reads the trace into memory: 4 bytes per token, layer and expert used. */
export async function readRoutes(trace: Trace, holdout: Holdout): Promise<RouteRows> {
  const { layers, experts, k } = trace;
  const shape = { layers, experts, expertsUsed: k };
  const byNumber = new Map<number, { tokens: number[]; routes: Int32Array[] }>();
  const route = layers * k;
  for await (const chunk of trace.chunks()) {
    for (let i = 0; i < chunk.count; i++) {
      const number = chunk.sequence[i] as number;
      let sequence = byNumber.get(number);
      if (!sequence) byNumber.set(number, (sequence = { tokens: [], routes: [] }));
      sequence.tokens.push(chunk.token[i] as number);
      sequence.routes.push(chunk.experts.slice(i * route, (i + 1) * route));
    }
  }
  const dataset = new (nativeAddon().RouteDataset)(shape);
  const testing = isHeldOut(holdout);
  const sequences: SequenceRows[] = [];
  let first = 0;
  for (const [number, { tokens, routes }] of [...byNumber].sort(([a], [b]) => a - b)) {
    const flat = new Int32Array(routes.length * route);
    routes.forEach((one, i) => {
      flat.set(one, i * route);
    });
    const count = dataset.add(Int32Array.from(tokens), flat);
    if (count > 0) sequences.push({ sequence: number, first, count, heldOut: testing(number) });
    first += count;
  }
  const { modelHash, expertBytes, model, architecture, ranked } = trace;
  return {
    header: { layers, experts, k, ranked, model, modelHash, architecture, expertBytes },
    shape,
    dataset,
    sequences,
  };
}

/** All rows of some sequences. */
export function rowsOf(sequences: readonly SequenceRows[]): Int32Array {
  const rows = new Int32Array(sequences.reduce((sum, { count }) => sum + count, 0));
  let at = 0;
  for (const { first, count } of sequences) {
    for (let i = 0; i < count; i++) rows[at++] = first + i;
  }
  return rows;
}

/** Consecutive pieces of at most `size`. */
export function* pieces(rows: Int32Array, size: number): Generator<Int32Array> {
  for (let at = 0; at < rows.length; at += size) yield rows.subarray(at, at + size);
}

/** Each id once, rising. @throws InvalidArgumentError if some are not known */
export function distinctTokens(lists: Iterable<Int32Array>): Int32Array {
  const seen = new Set<number>();
  for (const tokens of lists) for (const token of tokens) seen.add(token);
  if (seen.has(-1)) throw new InvalidArgumentError('the trace has no token ids; record one with: moeflow trace record');
  return Int32Array.from(seen).sort();
}

/** Sequences to learn from, to stop by, and to test on. @throws InvalidArgumentError when one of them is empty */
export function splitSequences({
  sequences,
}: RouteRows): Record<'training' | 'validation' | 'testing', SequenceRows[]> {
  const testing = sequences.filter(({ heldOut }) => heldOut);
  const others = sequences.filter(({ heldOut }) => !heldOut);
  if (testing.length === 0 || others.length < 2) {
    throw new InvalidArgumentError(
      `${others.length} sequences to learn from and ${testing.length} to test on are too few: record more, or choose another holdout`,
    );
  }
  // Every tenth, and one at least.
  const stopsBy = (i: number) => i % 10 === Math.min(9, others.length - 1);
  return {
    training: others.filter((_, i) => !stopsBy(i)),
    validation: others.filter((_, i) => stopsBy(i)),
    testing,
  };
}

/** Scores of rows by a predictor's weights, evaluated natively. */
export function predictorScores({ dataset }: RouteRows, weights: RouteWeights): (rows: Int32Array) => Float32Array {
  const predictor = new (nativeAddon().RoutePredictor)(weights);
  return (rows) => dataset.predict(predictor, rows);
}
