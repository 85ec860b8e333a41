/** Steps of training: a batch of windows, AdamW with rates of their own for the body and the head, clipped gradients. */

import type { NativeRouteDataset } from '../../lib/native/prediction.js';
import { adam, adamOfRows, addRows, addTo, type Moments, noMoments } from '../adam.js';
import type { TensorFlow } from '../backend.js';
import { rowsOfTokens } from '../network.js';
import { dropout } from '../trainer.js';
import { forgetful, paperInput } from './input.js';
import { paperGradients, paperTensors } from './network.js';
import type { Window } from './sequences.js';
import { headName, type PaperWeights, tableName } from './weights.js';

export interface PaperTrainerSettings {
  /** Of the head, and of all else. */
  headRate: number;
  bodyRate: number;
  /** Share of the values that a step leaves out after every layer. */
  dropout: number;
  /** Steps of the whole training, over which the rates fall to nothing. */
  steps: number;
}

/** Of the prototype. */
const headDecay = 0.01;
const bodyDecay = 1e-4;
const longestGradient = 0.8;
/** Part of the steps in which the rates rise. */
const warmUp = 0.1;
/** Share of tokens that a step takes for unknown, so that there is something to say about those. */
const unknownShare = 0.02;

export class PaperTrainer {
  readonly #tf: TensorFlow;
  readonly #weights: PaperWeights;
  readonly #settings: PaperTrainerSettings;
  readonly #moments: Record<string, Moments>;
  readonly #rowOf: ReadonlyMap<number, number>;
  #steps = 0;

  /** Changes `weights`. */
  constructor(tf: TensorFlow, weights: PaperWeights, settings: PaperTrainerSettings) {
    this.#tf = tf;
    this.#weights = weights;
    this.#settings = settings;
    this.#moments = Object.fromEntries(
      Object.entries(weights.arrays).map(([name, array]) => [name, noMoments(array.length)]),
    );
    this.#rowOf = rowsOfTokens(weights.tokens);
  }

  /** Learns from windows; returns the mean binary cross-entropy. */
  step(windows: readonly Window[], dataset: NativeRouteDataset, random: () => number): number {
    const { experts, layers, width } = this.#weights;
    const outputs = layers * experts;
    const targets = windows.map(({ rows }) => targetsOf(dataset, rows, outputs));
    const counted = targets.reduce((sum, one) => sum + recordedLayers(one, experts), 0);
    if (counted === 0) return 0;
    const tensors = paperTensors(this.#tf, this.#weights);
    const share = this.#settings.dropout;
    const drop = share > 0 ? (size: number) => dropout(size, share, random) : undefined;
    const sums: Record<string, Float32Array> = {};
    const table = new Map<number, Float32Array>();
    let loss = 0;
    windows.forEach((window, i) => {
      const input = forgetful(paperInput(window, this.#rowOf), unknownShare, random);
      const wanted = targets[i] as Float32Array;
      const one = paperGradients(this.#tf, this.#weights, tensors, input, wanted, counted, drop);
      loss += one.loss;
      const { [tableName]: vectors, ...others } = one.gradients;
      for (const [name, gradient] of Object.entries(others)) {
        if (sums[name]) addTo(sums[name], gradient);
        else sums[name] = gradient.slice();
      }
      addRows(table, Int32Array.of(...input.prompt, ...input.decoded), width, vectors as Float32Array);
    });
    this.#tf.dispose(tensors);
    this.#move(sums, table);
    return loss / experts;
  }

  #move(gradients: Record<string, Float32Array>, table: Map<number, Float32Array>): void {
    const { headRate, bodyRate, steps } = this.#settings;
    const parts = [...Object.values(gradients), ...table.values()];
    const length = Math.sqrt(parts.reduce((sum, part) => sum + squares(part), 0));
    if (length > longestGradient) for (const part of parts) scale(part, longestGradient / length);
    const done = this.#steps++;
    const rising = Math.max(1, Math.round(warmUp * steps));
    const part = done < rising ? (done + 1) / rising : Math.max(0, (steps - done) / Math.max(1, steps - rising));
    const { arrays, width } = this.#weights;
    for (const [name, gradient] of Object.entries(gradients)) {
      const [rate, decay] = name === headName ? [headRate, headDecay] : [bodyRate, bodyDecay];
      adam(arrays[name] as Float32Array, gradient, this.#moments[name] as Moments, part * rate, done + 1, decay);
    }
    const rows = Int32Array.from(table.keys());
    const gradient = new Float32Array(rows.length * width);
    [...table.values()].forEach((one, i) => {
      gradient.set(one, i * width);
    });
    const [vectors, moments] = [arrays[tableName] as Float32Array, this.#moments[tableName] as Moments];
    adamOfRows(vectors, width, rows, gradient, moments, part * bodyRate, done + 1, bodyDecay);
  }
}

/** [rows][outputs], nothing for those without a row. */
function targetsOf(dataset: NativeRouteDataset, rows: Int32Array, outputs: number): Float32Array {
  const targets = new Float32Array(rows.length * outputs);
  const known = dataset.batch(rows.filter((row) => row >= 0)).targets;
  let at = 0;
  rows.forEach((row, i) => {
    if (row >= 0) targets.set(known.subarray(at * outputs, ++at * outputs), i * outputs);
  });
  return targets;
}

function recordedLayers(targets: Float32Array, experts: number): number {
  let count = 0;
  for (let at = 0; at < targets.length; at += experts) {
    if (targets.subarray(at, at + experts).includes(1)) count++;
  }
  return count;
}

function squares(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2;
  return sum;
}

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * factor;
}
