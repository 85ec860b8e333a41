/**
 * ExpertFlow's routing path predictor (arXiv 2410.17954) in TensorFlow.js: a T5 (arXiv 1910.10683) whose encoder reads a
 * prompt and whose decoder reads what is decoded after it, and says of each decoded token which experts it will use in
 * all layers. It sees token ids alone.
 *
 * Sequences are computed one by one, so that none is padded to the length of another.
 */

import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../backend.js';
import { distanceBiases, distanceGradient } from './distances.js';
import { add, attention, linear, relu, rmsNorm, times, type WeightNodes } from './layers.js';
import { type Node, Tape } from './tape.js';
import { headName, type PaperWeights, paperShapeOf, paperShapes, tableName } from './weights.js';

/** What is predicted at once, as rows of the table of token vectors; none of both is empty. */
export interface PaperInput {
  prompt: Int32Array;
  decoded: Int32Array;
}

/** Gives factors for so many values that leave out a share of them and keep the mean. */
export type Dropout = (size: number) => Float32Array;

export interface PaperGradients {
  loss: number;
  /** By name; of the table, for the rows of the prompt and then those decoded: [prompt + decoded][width]. */
  gradients: Record<string, Float32Array>;
}

/** The weights as tensors, to be disposed of; without the tables, which are not used whole. */
export function paperTensors(tf: TensorFlow, weights: PaperWeights): Record<string, Tensor> {
  const shapes = Object.entries(paperShapes(paperShapeOf(weights)));
  return Object.fromEntries(
    shapes
      .filter(([name]) => name !== tableName && !name.endsWith('.distances'))
      .map(([name, shape]) => [name, tf.tensor(weights.arrays[name] as Float32Array, shape)]),
  );
}

/** [decoded][layers * experts] probabilities. */
export function paperProbabilities(
  tf: TensorFlow,
  weights: PaperWeights,
  tensors: Record<string, Tensor>,
  input: PaperInput,
): Float32Array {
  return inTidy(tf, () => {
    const { logits } = pass(new Tape(tf, false), weights, tensors, input);
    return tf.sigmoid(logits.value).dataSync() as Float32Array;
  });
}

/** `tidy` looks for tensors in whatever is returned, value by value: this one is for plain data. */
function inTidy<T>(tf: TensorFlow, run: () => T): T {
  const results: T[] = [];
  tf.tidy(() => {
    results.push(run());
  });
  return results[0] as T;
}

/**
 * Binary cross-entropy, summed over experts, and its gradients. Layers of a token in which no expert is a target were not
 * recorded and do not count.
 *
 * @param targets [decoded][layers * experts] 1 for what the token used, else 0
 * @param counted what the sum is divided by: the recorded layers of the tokens of a batch
 */
export function paperGradients(
  tf: TensorFlow,
  weights: PaperWeights,
  tensors: Record<string, Tensor>,
  input: PaperInput,
  targets: Float32Array,
  counted: number,
  dropout?: Dropout,
): PaperGradients {
  return inTidy(tf, () => {
    const tape = new Tape(tf, true);
    const { logits, nodes, vectors, biases } = pass(tape, weights, tensors, input, dropout);
    const { loss, slope } = crossEntropy(tf, logits.value, targets, weights, counted);
    tape.back(logits, slope);
    const slopeOf = ({ slope, value }: Node) => (slope ?? tf.zerosLike(value)).dataSync() as Float32Array;
    const gradients = Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, slopeOf(node)]));
    const table = new Float32Array((input.prompt.length + input.decoded.length) * weights.width);
    table.set(slopeOf(vectors.encoder));
    table.set(slopeOf(vectors.decoder), input.prompt.length * weights.width);
    gradients[tableName] = table;
    for (const stack of stacks) {
      const tokens = vectors[stack].value.shape[0];
      gradients[`${stack}.distances`] = distanceGradient(biases[stack].map(slopeOf), tokens, isCausal(stack));
    }
    return { loss: loss.dataSync()[0] as number, gradients };
  });
}

const stacks = ['encoder', 'decoder'] as const;
type Stack = (typeof stacks)[number];

const isCausal = (stack: Stack) => stack === 'decoder';

interface Passed {
  logits: Node<Tensor2D>;
  nodes: Record<string, Node>;
  /** Token vectors. */
  vectors: Record<Stack, Node<Tensor2D>>;
  /** [heads] of the scores, by the distance of tokens. */
  biases: Record<Stack, Node<Tensor2D>[]>;
}

function pass(
  tape: Tape,
  weights: PaperWeights,
  tensors: Record<string, Tensor>,
  { prompt, decoded }: PaperInput,
  dropout?: Dropout,
): Passed {
  const { tf } = tape;
  const nodes = Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, { value }]));
  const vectors = { encoder: tokenVectors(tf, weights, prompt), decoder: tokenVectors(tf, weights, decoded) };
  const biasesOf = (stack: Stack) => {
    const table = weights.arrays[`${stack}.distances`] as Float32Array;
    const tokens = vectors[stack].value.shape[0];
    return distanceBiases(tf, table, weights.heads, tokens, isCausal(stack)).map((value) => ({ value }));
  };
  const biases = { encoder: biasesOf('encoder'), decoder: biasesOf('decoder') };
  const encoded = blocks(tape, weights, nodes, 'encoder', vectors.encoder, biases.encoder, undefined, dropout);
  const last = blocks(tape, weights, nodes, 'decoder', vectors.decoder, biases.decoder, encoded, dropout);
  return { logits: linear(tape, last, nodes[headName] as Node), nodes, vectors, biases };
}

/** A stack of blocks: attention to itself, to what was encoded if there is any, and a feed-forward network. */
function blocks(
  tape: Tape,
  weights: PaperWeights,
  w: WeightNodes,
  stack: Stack,
  vectors: Node<Tensor2D>,
  biases: readonly Node<Tensor2D>[],
  encoded: Node<Tensor2D> | undefined,
  dropout: Dropout | undefined,
): Node<Tensor2D> {
  const { heads } = weights;
  const dropped = (x: Node<Tensor2D>) =>
    times(tape, x, dropout && tape.tf.tensor2d(dropout(x.value.size), x.value.shape));
  const residual = (x: Node<Tensor2D>, name: string, layer: (normed: Node<Tensor2D>) => Node<Tensor2D>) =>
    add(tape, x, dropped(layer(rmsNorm(tape, x, w[`${name}.norm`] as Node))));
  let x = dropped(vectors);
  for (let block = 0; block < weights.blocks; block++) {
    const name = `${stack}.${block}`;
    x = residual(x, `${name}.self`, (normed) => attention(tape, w, `${name}.self`, heads, normed, normed, biases));
    if (encoded) {
      x = residual(x, `${name}.cross`, (normed) => attention(tape, w, `${name}.cross`, heads, normed, encoded));
    }
    x = residual(x, `${name}.forward`, (normed) => {
      const inner = relu(tape, linear(tape, normed, w[`${name}.forward.inner`] as Node));
      return linear(tape, inner, w[`${name}.forward.output`] as Node);
    });
  }
  return dropped(rmsNorm(tape, x, w[`${stack}.norm`] as Node));
}

function tokenVectors(tf: TensorFlow, { arrays, width }: PaperWeights, rows: Int32Array): Node<Tensor2D> {
  const table = arrays[tableName] as Float32Array;
  const vectors = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    vectors.set(table.subarray(row * width, (row + 1) * width), i * width);
  });
  return { value: tf.tensor2d(vectors, [rows.length, width]) };
}

/** And its gradient with respect to the logits. */
function crossEntropy(
  tf: TensorFlow,
  logits: Tensor2D,
  targets: Float32Array,
  { layers, experts }: PaperWeights,
  counted: number,
): { loss: Tensor; slope: Tensor } {
  return tf.tidy(() => {
    const wanted = tf.tensor3d(targets, [logits.shape[0], layers, experts]);
    const shares = tf.div(tf.max(wanted, 2, true), counted);
    const z = tf.reshape(logits, wanted.shape);
    // -log(sigmoid(z)) where wanted, else -log(1 - sigmoid(z)), such that nothing overflows.
    const each = tf.add(tf.sub(tf.relu(z), tf.mul(z, wanted)), tf.log(tf.add(tf.exp(tf.neg(tf.abs(z))), 1)));
    return {
      loss: tf.sum(tf.mul(each, shares)),
      slope: tf.reshape(tf.mul(tf.sub(tf.sigmoid(z), wanted), shares), logits.shape),
    };
  });
}
