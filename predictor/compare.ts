/** A predictor beside the guesses that it has to beat. */

import { check, checkOptions } from '../lib/options.js';
import { checkHoldout, type Holdout } from '../lib/trace/holdout.js';
import type { Trace } from '../lib/trace/trace.js';
import { type Baseline, baselineScores, baselines } from './baselines.js';
import { predictorScores, readRoutes } from './dataset.js';
import { type Evaluation, evaluateScores } from './evaluate.js';
import type { Predictor } from './file/predictor-file.js';
import { checkFits } from './fits.js';

export interface EvaluatePredictorOptions {
  /** Sequences to measure on; the guesses are counted on the others. `none`: all, for both. Default .1. */
  holdout?: Holdout;
  /** Numbers of sequences side by side, for the recall of what any of them uses. */
  batches?: readonly number[];
  signal?: AbortSignal;
}

export interface PredictorComparison {
  evaluation: Evaluation;
  baselines: Record<Baseline, Evaluation>;
}

/**
 * Measures a predictor on a trace.
 *
 * @throws InvalidFileError when the trace is of another model; InvalidArgumentError for an option
 */
export async function evaluatePredictor(
  predictor: Predictor,
  trace: Trace,
  { holdout = 0.1, batches = [], signal }: EvaluatePredictorOptions = {},
): Promise<PredictorComparison> {
  const checks = { holdout: checkHoldout, batches: check.arrayOf(check.integer(1, 2 ** 16), 'numbers of sequences') };
  checkOptions({ holdout, batches }, checks, 'evaluatePredictor options');
  checkFits(predictor, trace, 'the predictor');
  const routes = await readRoutes(trace, holdout);
  const training = routes.sequences.filter(({ heldOut }) => !heldOut);
  const testing = holdout === 'none' ? routes.sequences : routes.sequences.filter(({ heldOut }) => heldOut);
  const options = { batches, signal };
  const evaluation = await evaluateScores(routes, testing, predictorScores(routes, predictor.weights), options);
  const guesses = baselineScores(routes, training);
  const others = {} as Record<Baseline, Evaluation>;
  for (const name of baselines) others[name] = await evaluateScores(routes, testing, guesses[name], options);
  return { evaluation, baselines: others };
}
