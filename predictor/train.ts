/** Training of the default predictor. */

import { breather } from '../lib/breather.js';
import { check, checkOptions, defined } from '../lib/options.js';
import { shuffle, uniforms } from '../lib/random.js';
import { checkHoldout, type Holdout } from '../lib/trace/holdout.js';
import type { Trace } from '../lib/trace/trace.js';
import { tensorFlow } from './backend.js';
import { type Backend, backends } from './backends.js';
import {
  distinctTokens,
  pieces,
  predictorScores,
  type RouteRows,
  readRoutes,
  rowsOf,
  splitSequences,
} from './dataset.js';
import { type Evaluation, evaluateScores } from './evaluate.js';
import { type Checkpoint, readCheckpoint, removeCheckpoint, writeCheckpoint } from './file/checkpoint-file.js';
import { type Predictor, roundedWeights } from './file/predictor-file.js';
import { initialWeights } from './initial-weights.js';
import { Trainer } from './trainer.js';
import type { RouteWeights } from './weights.js';

export interface TrainOptions {
  /** Sequences that are kept for the final scores. Default .1: a tenth of them. */
  holdout?: Holdout;
  /** Of first weights, order and dropout. Default 0. */
  seed?: number;
  /** Most passes over the training tokens; fewer when two in a row did not help. Default 12. */
  epochs?: number;
  /** Width of the hidden layer. Default 256. */
  hidden?: number;
  /** Width of a token id's vector. Default 32. */
  tokenWidth?: number;
  /** Tokens of a batch. Default 128. */
  batchTokens?: number;
  /** Of Adam, at its highest. Default .003. */
  learningRate?: number;
  /** TensorFlow.js back end. Default `auto`: the fastest that is installed. */
  backend?: Backend | 'auto';
  /** File in which the state is kept after every epoch; a training with the same settings goes on from it. */
  checkpoint?: string;
  onProgress?: (progress: TrainProgress) => void;
  /** Ends the training with its reason; the checkpoint stays. */
  signal?: AbortSignal;
}

export interface TrainProgress {
  backend: Backend;
  /** From 1 on. */
  epoch: number;
  epochs: number;
  /** Batches of this epoch that are done, and how many there are. */
  batch: number;
  batches: number;
  /** Mean binary cross-entropy of the epoch's batches so far, over both heads. */
  loss: number;
  /** At the end of an epoch: of the sequences that training stops by, the first head's loss and its recall at k. */
  validation?: { loss: number; recall: number };
}

export interface TrainedPredictor extends Predictor {
  backend: Backend;
  epochs: number;
  evaluation: Evaluation;
}

const checks = {
  holdout: checkHoldout,
  seed: check.integer(0),
  epochs: check.integer(1, 10_000),
  hidden: check.integer(1, 2 ** 14),
  tokenWidth: check.integer(1, 2 ** 14),
  batchTokens: check.integer(1, 2 ** 16),
  learningRate: check.number(1e-9, 10),
  backend: check.oneOf('auto', ...backends),
  checkpoint: check.string,
  onProgress: check.function,
  signal: check.signal,
};

const defaults = { seed: 0, epochs: 12, hidden: 256, tokenWidth: 32, batchTokens: 128, learningRate: 0.003 };
/** Epochs without a lower validation loss after which training ends. */
const patience = 2;

/**
 * Trains a predictor on a trace with token ids and measures it on the sequences that were held out.
 *
 * @throws InvalidArgumentError for an option, or a trace without token ids or with too few sequences; MoeflowError
 * `UNSUPPORTED` without TensorFlow.js
 */
export async function trainPredictor(trace: Trace, options: TrainOptions = {}): Promise<TrainedPredictor> {
  checkOptions(options, checks, 'trainPredictor options');
  const { holdout = 0.1, signal, onProgress, checkpoint } = options;
  const settings = { ...defaults, ...defined(options) };
  signal?.throwIfAborted();
  const { tf, backend } = await tensorFlow(options.backend);
  const routes = await readRoutes(trace, holdout);
  const { training, validation, testing } = splitSequences(routes);
  const rows = rowsOf(training);
  const { tokens, popularity } = countRows(routes, rows);
  const { seed, epochs, hidden, tokenWidth, batchTokens, learningRate } = settings;
  const table = routes.dataset.learnTable(rows);
  const first = initialWeights({ ...routes.shape, hidden, tokenWidth, tokens }, table, popularity, seed);
  const identity = JSON.stringify({
    ...{ holdout, seed, epochs, hidden, tokenWidth, batchTokens, learningRate },
    ...{ rows: rows.length, tokens: tokens.length, modelHash: trace.modelHash },
  });
  const saved = checkpoint === undefined ? undefined : await readCheckpoint(checkpoint, identity, first);
  let state: Checkpoint = saved ?? {
    epoch: 0,
    sinceBest: 0,
    bestLoss: Number.POSITIVE_INFINITY,
    best: structuredClone(first),
    current: Trainer.begin(first),
  };
  const breathe = breather(signal);
  const batches = Math.ceil(rows.length / batchTokens);
  while (state.epoch < epochs && state.sinceBest < patience) {
    const trainer = new Trainer(tf, state.current, { learningRate, steps: epochs * batches });
    // By epoch, so that a training that goes on does what it would have done.
    const random = uniforms(seed * 1_000_003 + state.epoch);
    const order = rows.slice();
    shuffle(order, random);
    let sum = 0;
    let batch = 0;
    for (const piece of pieces(order, batchTokens)) {
      sum += trainer.step(routes.dataset.batch(piece), random);
      batch++;
      onProgress?.({ backend, epoch: state.epoch + 1, epochs, batch, batches, loss: sum / batch });
      await breathe();
    }
    const weights = state.current.weights;
    const measured = await evaluateScores(routes, validation, predictorScores(routes, weights), { signal });
    const better = measured.loss < state.bestLoss;
    state = {
      epoch: state.epoch + 1,
      sinceBest: better ? 0 : state.sinceBest + 1,
      bestLoss: better ? measured.loss : state.bestLoss,
      best: better ? structuredClone(weights) : state.best,
      current: state.current,
    };
    onProgress?.({
      backend,
      epoch: state.epoch,
      epochs,
      batch,
      batches,
      loss: sum / batch,
      validation: { loss: measured.loss, recall: measured.recallAt[trace.k] as number },
    });
    if (checkpoint !== undefined) await writeCheckpoint(checkpoint, identity, state);
  }
  const weights = roundedWeights(state.best);
  const evaluation = await evaluateScores(routes, testing, predictorScores(routes, weights), { signal });
  if (checkpoint !== undefined) await removeCheckpoint(checkpoint);
  const { model, modelHash, architecture, k, experts } = routes.header;
  return {
    model,
    modelHash,
    architecture,
    trainedTokens: rows.length,
    heldOutTokens: evaluation.rows,
    recall: evaluation.recallAt[k] as number,
    recallOfTwice: evaluation.recallAt[Math.min(2 * k, experts)] as number,
    weights,
    backend,
    epochs: state.epoch,
    evaluation,
  };
}

/** The ids in the rows, and of each expert, [layers * experts], the share of the rows that use it. */
function countRows({ dataset, shape }: RouteRows, rows: Int32Array): { tokens: Int32Array; popularity: Float64Array } {
  const outputs = shape.layers * shape.experts;
  const uses = new Float64Array(outputs);
  const ids: Int32Array[] = [];
  for (const piece of pieces(rows, 256)) {
    const { tokens, targets } = dataset.batch(piece);
    ids.push(tokens);
    targets.forEach((used, i) => {
      uses[i % outputs] = (uses[i % outputs] as number) + used;
    });
  }
  return { tokens: distinctTokens(ids), popularity: uses.map((count) => count / rows.length) };
}
