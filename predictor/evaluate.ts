/** Trying predictions on recorded tokens. */

import { breather } from '../lib/breather.js';
import { pieces, type RouteRows, rowsOf, type SequenceRows } from './dataset.js';
import { type Measures, Measuring, UnionMeasuring } from './measures.js';

export interface Evaluation extends Measures {
  /** Mean binary cross-entropy. */
  loss: number;
  /**
   * By number of sequences side by side and of experts predicted per token and layer: of the experts that any of their
   * tokens uses, the share that is predicted for any; and the other way round.
   */
  union: { batch: number; fetched: number; recall: number; precision: number }[];
}

export interface EvaluateScoresOptions {
  /** Numbers of sequences side by side. */
  batches?: readonly number[];
  signal?: AbortSignal;
}

/** Scores of rows, [rows][layers * experts]: probabilities, or what else orders experts. */
export type Scores = Float32Array | Float64Array;
export type Scorer = (rows: Int32Array) => Scores | Promise<Scores>;

/** Rows that are scored at once. */
const together = 64;

export async function evaluateScores(
  { dataset, shape }: RouteRows,
  sequences: readonly SequenceRows[],
  scorer: Scorer,
  { batches = [], signal }: EvaluateScoresOptions = {},
): Promise<Evaluation> {
  const breathe = breather(signal);
  const measuring = new Measuring(shape);
  let loss = 0;
  let terms = 0;
  for (const rows of pieces(rowsOf(sequences), together)) {
    const scores = await scorer(rows);
    const { targets } = dataset.batch(rows);
    measuring.add(scores, targets);
    for (let i = 0; i < scores.length; i++) loss -= Math.log(likelihood(scores[i] as number, targets[i] as number));
    terms += scores.length;
    await breathe();
  }
  const union = [];
  for (const batch of batches) {
    const measured = fetchedPerToken(shape).map((fetched) => new UnionMeasuring(shape, fetched));
    for (const rows of sideBySide(sequences, batch)) {
      const scores = await scorer(rows);
      const { targets } = dataset.batch(rows);
      for (const one of measured) one.add(scores, targets);
      await breathe();
    }
    // Too few sequences fill no group.
    if (sequences.length < batch) continue;
    for (const one of measured) union.push({ batch, fetched: one.fetched, ...one.result() });
  }
  return { ...measuring.result(), loss: loss / (terms || 1), union };
}

/** As many as a token uses, half as many more, and twice as many. */
function fetchedPerToken({ experts, expertsUsed: k }: RouteRows['shape']): number[] {
  return [...new Set([k, Math.ceil(1.5 * k), 2 * k].map((m) => Math.min(m, experts)))];
}

function likelihood(score: number, used: number): number {
  return Math.max(1e-7, used > 0 ? score : 1 - score);
}

/** Groups of `batch` sequences, row by row as long as all have one; sequences that fill no group are left out. */
export function* sideBySide(sequences: readonly SequenceRows[], batch: number): Generator<Int32Array> {
  for (let at = 0; at + batch <= sequences.length; at += batch) {
    const group = sequences.slice(at, at + batch);
    const rows = Math.min(...group.map(({ count }) => count));
    for (let row = 0; row < rows; row++) yield Int32Array.from(group, ({ first }) => first + row);
  }
}
