/** Trying predictions on recorded tokens. */

import { breather } from '../lib/placement/breather.js';
import { pieces, type RouteRows, rowsOf, type SequenceRows } from './dataset.js';
import { type Measures, Measuring, UnionMeasuring } from './measures.js';

export interface Evaluation extends Measures {
  /** Mean binary cross-entropy. */
  loss: number;
  /** By number of sequences side by side, with k experts per token and layer predicted. */
  union: { batch: number; recall: number; precision: number }[];
}

export interface EvaluateScoresOptions {
  /** Numbers of sequences side by side. */
  batches?: readonly number[];
  signal?: AbortSignal;
}

/** Scores of rows, [rows][layers * experts]: probabilities, or what else orders experts. */
export type Scorer = (rows: Int32Array) => Float32Array | Promise<Float32Array>;

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
    const measured = new UnionMeasuring(shape, shape.expertsUsed);
    for (const rows of sideBySide(sequences, batch)) {
      measured.add(await scorer(rows), dataset.batch(rows).targets);
      await breathe();
    }
    union.push({ batch, ...measured.result() });
  }
  return { ...measuring.result(), loss: loss / (terms || 1), union };
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
