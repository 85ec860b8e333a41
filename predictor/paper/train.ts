/** Training of the paper's predictor, to compare the default one with. */

import { breather } from '../../lib/breather.js';
import { check, checkOptions, defined } from '../../lib/options.js';
import { uniforms } from '../../lib/random.js';
import { checkHoldout, type Holdout } from '../../lib/trace/holdout.js';
import type { Trace } from '../../lib/trace/trace.js';
import { tensorFlow } from '../backend.js';
import { type Backend, backends } from '../backends.js';
import { distinctTokens, readRoutes, splitSequences } from '../dataset.js';
import { type Evaluation, evaluateScores } from '../evaluate.js';
import type { TrainProgress } from '../train.js';
import { type PaperPredictor, roundedPaperWeights } from './file.js';
import { paperScores } from './scores.js';
import { readWindows, rowsAfterPrompts, shuffledWindows, windowsOf } from './sequences.js';
import { PaperTrainer } from './trainer.js';
import { defaultSizes, initialPaperWeights, type PaperSizes, type PaperWeights } from './weights.js';

export interface PaperTrainOptions extends Partial<PaperSizes> {
  /** Sequences that are kept for the final scores. Default .1: a tenth of them. */
  holdout?: Holdout;
  /** Of first weights, order, cuts and dropout. Default 0. */
  seed?: number;
  /** Most passes over the training tokens; fewer when eight in a row did not help. Default 50, the prototype's. */
  epochs?: number;
  /** Windows of a batch. Default 4; the prototype, which has far more of them, takes 16. */
  batchWindows?: number;
  /** Of Adam, at its highest, for the head. Default .001, the prototype's. */
  headRate?: number;
  /** The same for all else. Default .001, the prototype's for Mixtral. */
  bodyRate?: number;
  /** Share of the values that a step leaves out after every layer. Default .1, T5's. */
  dropout?: number;
  /** TensorFlow.js back end. Default `auto`: the fastest that is installed. */
  backend?: Backend | 'auto';
  onProgress?: (progress: TrainProgress) => void;
  /** Ends the training with its reason. */
  signal?: AbortSignal;
}

export interface TrainedPaperPredictor extends PaperPredictor {
  backend: Backend;
  epochs: number;
  /** Of all tokens held out: as `trainPredictor` has it, row by row. */
  evaluation: Evaluation;
  /** Of those tokens that are predicted after a prompt, which are those that the paper predicts. */
  afterPrompts: Evaluation;
}

const size = check.integer(1, 2 ** 14);
const rate = check.number(1e-9, 10);
const checks = {
  width: size,
  blocks: check.integer(1, 256),
  heads: check.integer(1, 256),
  headWidth: size,
  inner: size,
  holdout: checkHoldout,
  seed: check.integer(0),
  epochs: check.integer(1, 10_000),
  batchWindows: check.integer(1, 2 ** 16),
  headRate: rate,
  bodyRate: rate,
  dropout: check.number(0, 0.9),
  backend: check.oneOf('auto', ...backends),
  onProgress: check.function,
  signal: check.signal,
};

const defaults = {
  ...defaultSizes,
  holdout: 0.1 as Holdout,
  seed: 0,
  epochs: 50,
  batchWindows: 4,
  headRate: 1e-3,
  bodyRate: 1e-3,
  dropout: 0.1,
};
/** Epochs without a lower validation loss after which training ends. */
const patience = 8;

/**
 * Trains the paper's predictor on a trace with token ids and measures it on the sequences that were held out.
 *
 * @throws InvalidArgumentError for an option, or a trace without token ids or with too few sequences; MoeflowError
 * `UNSUPPORTED` without TensorFlow.js
 */
export async function trainPaperPredictor(
  trace: Trace,
  options: PaperTrainOptions = {},
): Promise<TrainedPaperPredictor> {
  checkOptions(options, checks, 'trainPaperPredictor options');
  const settings = { ...defaults, ...defined(options) };
  const { signal, onProgress, epochs, seed } = settings;
  signal?.throwIfAborted();
  const { tf, backend } = await tensorFlow(options.backend);
  const routes = await readRoutes(trace, settings.holdout);
  const windows = await readWindows(trace, routes);
  const { training, validation, testing } = splitSequences(routes);
  const learned = windowsOf(windows, training);
  const { width, blocks, heads, headWidth, inner } = settings;
  const shape = { width, blocks, heads, headWidth, inner, ...routes.shape };
  const current = initialPaperWeights(
    shape,
    distinctTokens(learned.flatMap(({ prompt, decoded }) => [prompt, decoded])),
    seed,
  );
  const batches = Math.ceil(learned.length / settings.batchWindows);
  const trainer = new PaperTrainer(tf, current, { ...settings, steps: epochs * batches });
  const breathe = breather(signal);
  const measure = (weights: PaperWeights, sequences: typeof testing) =>
    evaluateScores(routes, sequences, paperScores(windows, weights, tf), { signal });
  let best = { weights: current, loss: Number.POSITIVE_INFINITY, epoch: 0 };
  let epoch = 0;
  while (epoch < epochs && epoch - best.epoch < patience) {
    const random = uniforms(seed * 1_000_003 + epoch++);
    let sum = 0;
    let batch = 0;
    const progress = (validated?: TrainProgress['validation']) =>
      onProgress?.({ backend, epoch, epochs, batch, batches, loss: sum / batch, validation: validated });
    for (const group of shuffledWindows(learned, settings.batchWindows, random)) {
      sum += trainer.step(group, routes.dataset, random);
      batch++;
      progress();
      await breathe();
    }
    const { loss, recallAt } = await measure(current, validation);
    if (loss < best.loss) best = { weights: structuredClone(current), loss, epoch };
    progress({ loss, recall: recallAt[trace.k] as number });
  }
  const weights = roundedPaperWeights(best.weights);
  const evaluation = await measure(weights, testing);
  const afterPrompts = await measure(weights, rowsAfterPrompts(windowsOf(windows, testing)));
  const { model, modelHash, architecture, k, experts } = routes.header;
  return {
    model,
    modelHash,
    architecture,
    trainedTokens: training.reduce((tokens, { count }) => tokens + count, 0),
    heldOutTokens: evaluation.rows,
    recall: evaluation.recallAt[k] as number,
    recallOfTwice: evaluation.recallAt[Math.min(2 * k, experts)] as number,
    weights,
    backend,
    epochs: epoch,
    evaluation,
    afterPrompts,
  };
}
