/** The layers of a T5 (arXiv 1910.10683) on the tokens of one sequence, forth and back. */

import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../backend.js';
import type { Node, Tape } from './tape.js';

/** Weights by name. */
export type WeightNodes = Readonly<Record<string, Node>>;

export function add(tape: Tape, x: Node<Tensor2D>, y: Node<Tensor2D>): Node<Tensor2D> {
  return tape.step([x, y], () => ({ value: tape.tf.add(x.value, y.value), back: (slope) => [slope, slope] }));
}

/** Times constants. */
export function times(tape: Tape, x: Node<Tensor2D>, factors: Tensor2D | undefined): Node<Tensor2D> {
  if (!factors) return x;
  const { tf } = tape;
  return tape.step([x], () => ({ value: tf.mul(x.value, factors), back: (slope) => [tf.mul(slope, factors)] }));
}

/** x W, with no bias. */
export function linear(tape: Tape, x: Node<Tensor2D>, matrix: Node): Node<Tensor2D> {
  const { tf } = tape;
  const m = matrix.value as Tensor2D;
  return tape.step([x, matrix], () => ({
    value: tf.matMul(x.value, m),
    back: (slope) => [tf.matMul(slope as Tensor2D, turned(tf, m)), tf.matMul(turned(tf, x.value), slope as Tensor2D)],
  }));
}

const epsilon = 1e-6;

/** Divided by the root of the mean square, times a gain (arXiv 1910.07467). */
export function rmsNorm(tape: Tape, x: Node<Tensor2D>, gain: Node): Node<Tensor2D> {
  const { tf } = tape;
  return tape.step([x, gain], () => {
    const scale = tf.tidy(() => tf.rsqrt(tf.add(tf.mean(tf.mul(x.value, x.value), 1, true), epsilon)));
    const even = tf.mul(x.value, scale);
    return {
      value: tf.mul(even, gain.value) as Tensor2D,
      back: (slope) => {
        const along = tf.mul(slope, gain.value);
        const mean = tf.mean(tf.mul(along, even), 1, true);
        return [tf.mul(scale, tf.sub(along, tf.mul(even, mean))), tf.sum(tf.mul(slope, even), 0) as Tensor1D];
      },
    };
  });
}

export function relu(tape: Tape, x: Node<Tensor2D>): Node<Tensor2D> {
  const { tf } = tape;
  return tape.step([x], () => {
    const value = tf.relu(x.value);
    return { value, back: (slope) => [tf.mul(slope, tf.step(value))] };
  });
}

/**
 * Attention of the tokens of x to those of y, all heads, the scores not scaled, as T5 has it.
 *
 * @param name of query, key, value and output among the weights
 * @param biases [heads] of [x tokens, y tokens], added to the scores
 */
export function attention(
  tape: Tape,
  w: WeightNodes,
  name: string,
  heads: number,
  x: Node<Tensor2D>,
  y: Node<Tensor2D>,
  biases: readonly Node<Tensor2D>[] = [],
): Node<Tensor2D> {
  const project = (from: Node<Tensor2D>, part: string) => linear(tape, from, w[`${name}.${part}`] as Node);
  const mixed = mix(tape, heads, project(x, 'query'), project(y, 'key'), project(y, 'value'), biases);
  return linear(tape, mixed, w[`${name}.output`] as Node);
}

/** For each query the values, by how well their keys fit. */
function mix(
  tape: Tape,
  heads: number,
  query: Node<Tensor2D>,
  key: Node<Tensor2D>,
  value: Node<Tensor2D>,
  biases: readonly Node<Tensor2D>[],
): Node<Tensor2D> {
  const { tf } = tape;
  return tape.step([query, key, value, ...biases], () => {
    // Head by head, as WebAssembly multiplies two matrices five times as fast as two piles of them.
    const q = byHead(tf, query.value, heads);
    const k = byHead(tf, key.value, heads);
    const v = byHead(tf, value.value, heads);
    const shares = q.map((one, head) =>
      tf.tidy(() => {
        const scores = tf.matMul(one, turned(tf, k[head] as Tensor2D));
        const bias = biases[head];
        return tf.softmax(bias ? tf.add(scores, bias.value) : scores) as Tensor2D;
      }),
    );
    return {
      value: tf.tidy(() => tf.concat(products(tf, shares, v), 1)),
      back: (slope) => {
        const byValues = byHead(tf, slope as Tensor2D, heads);
        const scores = shares.map((share, head) =>
          tf.tidy(() => {
            const byShare = tf.matMul(byValues[head] as Tensor2D, turned(tf, v[head] as Tensor2D));
            const weighted = tf.mul(byShare, share);
            return tf.sub(weighted, tf.mul(share, tf.sum(weighted, 1, true))) as Tensor2D;
          }),
        );
        const sideways = (piles: Tensor2D[]) => piles.map((matrix) => turned(tf, matrix));
        return [
          tf.concat(products(tf, scores, k), 1),
          tf.concat(products(tf, sideways(scores), q), 1),
          tf.concat(products(tf, sideways(shares), byValues), 1),
          ...(biases.length > 0 ? scores : []),
        ];
      },
    };
  });
}

// Ten times as fast on WebAssembly as a product that is told to transpose.
function turned(tf: TensorFlow, matrix: Tensor2D): Tensor2D {
  return tf.transpose(matrix) as Tensor2D;
}

/** [tokens, heads * width] as [heads] of [tokens, width]. */
function byHead(tf: TensorFlow, x: Tensor2D, heads: number): Tensor2D[] {
  return tf.split(x, heads, 1) as Tensor2D[];
}

function products(tf: TensorFlow, x: readonly Tensor2D[], y: readonly Tensor2D[]): Tensor2D[] {
  return x.map((matrix, i) => tf.matMul(matrix, y[i] as Tensor2D));
}
