/** Steps of training over a state that is plain data. */

import type { NativeRouteBatch } from '../lib/native/prediction.js';
import { adam, adamOfRows, type Moments, noMoments } from './adam.js';
import type { TensorFlow } from './backend.js';
import { lossAndGradients, networkInput, rowsOfTokens } from './network.js';
import { type RouteWeights, sizesOf, type WeightName, weightShapes } from './weights.js';

/** What a step goes on from. */
export interface TrainState {
  weights: RouteWeights;
  moments: Record<WeightName, Moments>;
  /** Steps done. */
  steps: number;
}

export interface TrainerSettings {
  learningRate: number;
  /** Steps of the whole training, over which the rate falls to nothing. */
  steps: number;
}

/** Shares of the hidden values, and of the values of a token's vector, that a step leaves out. */
const hiddenDropout = 0.4;
const tokenDropout = 0.3;
/** Share of ids that a step takes for unknown, so that there is something to say about those. */
const unknownShare = 0.02;
/** Steps in which the rate rises. */
const warmUp = 100;

export class Trainer {
  readonly #tf: TensorFlow;
  readonly #state: TrainState;
  readonly #settings: TrainerSettings;
  readonly #rowOf: Map<number, number>;

  static begin(weights: RouteWeights): TrainState {
    const names = Object.keys(weightShapes(sizesOf(weights))) as WeightName[];
    const moments = Object.fromEntries(names.map((name) => [name, noMoments(weights[name].length)]));
    return { weights, moments: moments as TrainState['moments'], steps: 0 };
  }

  /** Changes `state`. */
  constructor(tf: TensorFlow, state: TrainState, settings: TrainerSettings) {
    this.#tf = tf;
    this.#state = state;
    this.#settings = settings;
    this.#rowOf = rowsOfTokens(state.weights.tokens);
  }

  /** Learns from a batch; returns its loss. */
  step(batch: NativeRouteBatch, random: () => number): number {
    const { weights, moments } = this.#state;
    const rows = batch.tokens.length;
    const { tokenWidth, hidden } = weights;
    const input = networkInput(batch, this.#rowOf);
    for (const ids of [input.currentRows, input.previousRows]) {
      ids.forEach((_, i) => {
        if (random() < unknownShare) ids[i] = 0;
      });
    }
    const kept = {
      hidden: dropout(rows * hidden, hiddenDropout, random),
      current: dropout(rows * tokenWidth, tokenDropout, random),
      previous: dropout(rows * tokenWidth, tokenDropout, random),
    };
    const { loss, gradients } = lossAndGradients(this.#tf, weights, input, kept);
    const { learningRate, steps } = this.#settings;
    const done = this.#state.steps++;
    const rate = learningRate * Math.min(1, (done + 1) / warmUp) * Math.max(0, 1 - done / steps);
    for (const [name, gradient] of Object.entries(gradients) as [WeightName, Float32Array][]) {
      if (name === 'current' || name === 'previous') {
        const ids = name === 'current' ? input.currentRows : input.previousRows;
        adamOfRows(weights[name], tokenWidth, ids, gradient, moments[name], rate, done + 1);
      } else {
        adam(weights[name], gradient, moments[name], rate, done + 1);
      }
    }
    return loss;
  }
}

/** Factors that leave out a share of the values and keep the mean. */
export function dropout(size: number, share: number, random: () => number): Float32Array {
  const factors = new Float32Array(size);
  for (let i = 0; i < size; i++) factors[i] = random() < share ? 0 : 1 / (1 - share);
  return factors;
}
