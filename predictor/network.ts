/**
 * The default network, `route-path`, in TensorFlow.js: it trains here and runs natively (native/prediction).
 *
 * ExpertFlow's own predictor (arXiv 2410.17954) reads token ids alone, through a transformer. This one also reads what is
 * known for nothing when a token comes: the routes of the tokens before it, and where the same words stood before the
 * routes that they took. One hidden layer over that finds more (docs/prediction.md) for a fraction of the time. A second head
 * says of every expert what its next use after this token is worth: 1 by the next token, and half as much with each more.
 */

import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import type { NativeRouteBatch } from '../lib/native/prediction.js';
import type { TensorFlow } from './backend.js';
import {
  heads,
  hiddenViews,
  matchLengths,
  type RouteWeights,
  sizesOf,
  tableView,
  type WeightName,
  weightShapes,
} from './weights.js';

/** Rows of a batch as the network takes them. */
export interface NetworkInput {
  /** [rows] of the tables of token ids. */
  currentRows: Int32Array;
  previousRows: Int32Array;
  batch: NativeRouteBatch;
}

/** Row of each token in the tables; 0 for those without one of their own. */
export function rowsOfTokens(tokens: Int32Array): Map<number, number> {
  return new Map(Array.from(tokens, (token, i) => [token, i + 1]));
}

export function networkInput(batch: NativeRouteBatch, rowOf: ReadonlyMap<number, number>): NetworkInput {
  return {
    currentRows: batch.tokens.map((token) => rowOf.get(token) ?? 0),
    previousRows: batch.before.map((token) => rowOf.get(token) ?? 0),
    batch,
  };
}

/** What a step of training changes: gradients by name. Those of the tables are of the batch's rows. */
export interface Gradients {
  loss: number;
  gradients: Record<WeightName, Float32Array>;
}

/** Factors of values, for dropout. */
export interface Kept {
  /** [rows][hidden] */
  hidden: Float32Array;
  /** [rows][token width] */
  current: Float32Array;
  previous: Float32Array;
}

/**
 * Mean binary cross-entropy over the batch and both heads, and its gradients: those of the tables for the batch's rows. The way back is
 * written out, as core and a back end alone do not know the gradients of their operations.
 */
export function lossAndGradients(tf: TensorFlow, weights: RouteWeights, input: NetworkInput, kept: Kept): Gradients {
  // Ten times as fast on WebAssembly as a product that is told to transpose.
  const turned = (matrix: Tensor2D) => tf.transpose(matrix) as Tensor2D;
  const values = tf.tidy(() => {
    const x = inputTensors(tf, weights, input);
    const w = weightTensors(tf, weights);
    const masks = {
      hidden: tf.tensor2d(kept.hidden, [x.rows, weights.hidden]),
      current: tf.tensor2d(kept.current, [x.rows, weights.tokenWidth]),
      previous: tf.tensor2d(kept.previous, [x.rows, weights.tokenWidth]),
    };
    const current = tf.mul(x.current, masks.current) as Tensor2D;
    const previous = tf.mul(x.previous, masks.previous) as Tensor2D;
    const active = activation(tf, x, w, current, previous);
    const hidden = tf.mul(active, masks.hidden) as Tensor2D;
    const chances = tf.sigmoid(logits(tf, x, w, hidden)) as Tensor2D;

    const outputs: [number, number] = [x.rows, weights.layers * weights.experts];
    const { targets: now, later } = input.batch;
    const targets = tf.concat([tf.tensor2d(now, outputs), tf.tensor2d(later, outputs)], 1) as Tensor2D;
    const slope = tf.div(tf.sub(chances, targets), targets.size);
    const hiddenSlope = tf.mul(
      tf.mul(tf.matMul(slope, turned(w.output)), masks.hidden),
      tf.cast(tf.greater(active, 0), 'float32'),
    );
    const gradients: Record<WeightName, Tensor | Tensor[]> = {
      current: tf.mul(tf.matMul(hiddenSlope, turned(w.currentMatrix)), masks.current),
      previous: tf.mul(tf.matMul(hiddenSlope, turned(w.previousMatrix)), masks.previous),
      currentMatrix: tf.matMul(turned(current), hiddenSlope),
      previousMatrix: tf.matMul(turned(previous), hiddenSlope),
      lengths: tf.matMul(turned(x.lengths), hiddenSlope),
      hiddenBias: tf.sum(hiddenSlope, 0),
      views: hiddenViews.map((view) => tf.matMul(turned(x.views[view] as Tensor2D), hiddenSlope)),
      output: tf.matMul(turned(hidden), slope),
      outputBias: tf.sum(slope, 0),
      direct: x.views.map((view, i) =>
        tf.matMul(turned(directRows(x, i)), tf.mul(forBothHeads(tf, view), slope) as Tensor2D),
      ),
    };
    return { loss: crossEntropy(tf, chances, targets), ...gradients };
  });
  const { loss, ...tensors } = values as { loss: Tensor } & Record<WeightName, Tensor | Tensor[]>;
  const gradients = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, dataOf(tensor)]));
  const mean = loss.dataSync()[0] as number;
  tf.dispose(values);
  return { loss: mean, gradients: gradients as Record<WeightName, Float32Array> };
}

/** [rows][heads][layers * experts] probabilities. */
export function probabilities(tf: TensorFlow, weights: RouteWeights, input: NetworkInput): Float32Array {
  return tf.tidy(() => {
    const x = inputTensors(tf, weights, input);
    const w = weightTensors(tf, weights);
    return tf.sigmoid(logits(tf, x, w, activation(tf, x, w, x.current, x.previous))).dataSync() as Float32Array;
  });
}

function dataOf(tensor: Tensor | Tensor[]): Float32Array {
  if (!Array.isArray(tensor)) return tensor.dataSync() as Float32Array;
  const parts = tensor.map((part) => part.dataSync() as Float32Array);
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => {
    whole.set(part, at);
    return at + part.length;
  }, 0);
  return whole;
}

interface InputTensors {
  rows: number;
  /** [rows][token width] rows of the tables. */
  current: Tensor2D;
  previous: Tensor2D;
  /** [rows][match lengths] one-hot. */
  lengths: Tensor2D;
  /** [rows][buckets] one-hot. */
  tableBuckets: Tensor2D;
  /** By view: [rows][layers * experts]. */
  views: Tensor2D[];
}

function inputTensors(tf: TensorFlow, weights: RouteWeights, { batch, ...rowsOf }: NetworkInput): InputTensors {
  const rows = batch.tokens.length;
  const { tokenWidth } = weights;
  const outputs = weights.layers * weights.experts;
  const tableRows = (table: Float32Array, numbers: Int32Array) => {
    const gathered = new Float32Array(rows * tokenWidth);
    numbers.forEach((row, i) => {
      gathered.set(table.subarray(row * tokenWidth, (row + 1) * tokenWidth), i * tokenWidth);
    });
    return tf.tensor2d(gathered, [rows, tokenWidth]);
  };
  const oneHot = (numbers: Int32Array) => {
    const ones = new Float32Array(rows * matchLengths);
    numbers.forEach((number, row) => {
      ones[row * matchLengths + number] = 1;
    });
    return tf.tensor2d(ones, [rows, matchLengths]);
  };
  return {
    rows,
    current: tableRows(weights.current, rowsOf.currentRows),
    previous: tableRows(weights.previous, rowsOf.previousRows),
    lengths: oneHot(batch.matchLengths),
    tableBuckets: oneHot(batch.tableBuckets),
    views: slices(tf, batch.views, [rows, outputs]),
  };
}

function weightTensors(tf: TensorFlow, weights: RouteWeights) {
  const outputs = weights.layers * weights.experts;
  const matrix = (name: 'currentMatrix' | 'previousMatrix' | 'lengths' | 'output') =>
    tf.tensor2d(weights[name], weightShapes(sizesOf(weights))[name] as [number, number]);
  return {
    currentMatrix: matrix('currentMatrix'),
    previousMatrix: matrix('previousMatrix'),
    lengths: matrix('lengths'),
    hiddenBias: tf.tensor1d(weights.hiddenBias),
    views: slices(tf, weights.views, [outputs, weights.hidden]),
    output: matrix('output'),
    outputBias: tf.tensor1d(weights.outputBias),
    direct: slices(tf, weights.direct, [matchLengths, heads * outputs]),
  };
}

/** The matrices that lie one after another. */
function slices(tf: TensorFlow, values: Float32Array, shape: [number, number]): Tensor2D[] {
  const size = shape[0] * shape[1];
  return Array.from({ length: values.length / size }, (_, i) =>
    tf.tensor2d(values.subarray(i * size, (i + 1) * size), shape),
  );
}

type WeightTensors = ReturnType<typeof weightTensors>;

// Functions, not chained methods: these are there whatever a back end registers.
function activation(
  tf: TensorFlow,
  x: InputTensors,
  w: WeightTensors,
  current: Tensor2D,
  previous: Tensor2D,
): Tensor2D {
  const products = [
    tf.matMul(current, w.currentMatrix),
    tf.matMul(previous, w.previousMatrix),
    tf.matMul(x.lengths, w.lengths),
    ...hiddenViews.map((view, i) => tf.matMul(x.views[view] as Tensor2D, w.views[i] as Tensor2D)),
  ];
  return tf.relu(products.reduce<Tensor>((sum, product) => tf.add(sum, product), w.hiddenBias)) as Tensor2D;
}

function logits(tf: TensorFlow, x: InputTensors, w: WeightTensors, hidden: Tensor2D): Tensor2D {
  const direct = x.views.map((view, i) =>
    tf.mul(forBothHeads(tf, view), tf.matMul(directRows(x, i), w.direct[i] as Tensor2D)),
  );
  return direct.reduce<Tensor>(
    (sum, part) => tf.add(sum, part),
    tf.add(tf.matMul(hidden, w.output), w.outputBias),
  ) as Tensor2D;
}

/** By which of its rows of direct factors a view goes. */
function directRows(x: InputTensors, view: number): Tensor2D {
  return view === tableView ? x.tableBuckets : x.lengths;
}

function forBothHeads(tf: TensorFlow, view: Tensor2D): Tensor2D {
  return tf.concat([view, view], 1) as Tensor2D;
}

function crossEntropy(tf: TensorFlow, chances: Tensor2D, targets: Tensor2D): Tensor {
  const surprise = (chance: Tensor) => tf.log(tf.add(chance, 1e-7));
  const others = tf.mul(tf.sub(1, targets), surprise(tf.sub(1, chances)));
  return tf.neg(tf.mean(tf.add(tf.mul(targets, surprise(chances)), others)));
}
