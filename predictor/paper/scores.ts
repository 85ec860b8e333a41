/** The paper's predictor on the rows of a data set. */

import type { TensorFlow } from '../backend.js';
import type { Scorer } from '../evaluate.js';
import { rowsOfTokens } from '../network.js';
import { paperInput } from './input.js';
import { paperProbabilities, paperTensors } from './network.js';
import type { Window } from './sequences.js';
import type { PaperWeights } from './weights.js';

/** Values that are kept, as a window's rows are asked for one after another, or those of several windows in turn: 512 MiB. */
const mostKept = 2 ** 27;

/** Scores of rows: [rows][layers * experts] probabilities. @param windows those of the data set, or of the rows asked for */
export function paperScores(windows: readonly Window[], weights: PaperWeights, tf: TensorFlow): Scorer {
  const outputs = weights.layers * weights.experts;
  const rowOf = rowsOfTokens(weights.tokens);
  const places = new Map<number, { window: Window; at: number }>();
  for (const window of windows) window.rows.forEach((row, at) => places.set(row, { window, at }));
  const kept = new Map<Window, Float32Array>();
  let keptValues = 0;
  const scoresOf = (window: Window) => {
    const found = kept.get(window);
    if (found) return found;
    const tensors = paperTensors(tf, weights);
    const scores = paperProbabilities(tf, weights, tensors, paperInput(window, rowOf));
    tf.dispose(tensors);
    kept.set(window, scores);
    keptValues += scores.length;
    for (const [oldest, values] of kept) {
      if (keptValues <= mostKept || oldest === window) break;
      kept.delete(oldest);
      keptValues -= values.length;
    }
    return scores;
  };
  return (rows) => {
    const scores = new Float32Array(rows.length * outputs);
    rows.forEach((row, i) => {
      const place = places.get(row);
      if (!place) throw new RangeError(`row ${row} is in no window`);
      const { window, at } = place;
      scores.set(scoresOf(window).subarray(at * outputs, (at + 1) * outputs), i * outputs);
    });
    return scores;
  };
}
