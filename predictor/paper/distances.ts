/** T5's relative positions (arXiv 1910.10683, section 2.1): a head's scores get a bias by how far apart two tokens are. */

import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../backend.js';
import { buckets, longestDistance } from './weights.js';

/**
 * Bucket of a distance, the key's position less the query's: one each for short ones, ever more in one for longer ones. Of a
 * decoder, which looks only back, all buckets are for the past; otherwise a half.
 */
export function bucketOf(distance: number, causal: boolean): number {
  const count = causal ? buckets : buckets / 2;
  const begin = !causal && distance > 0 ? count : 0;
  const far = causal ? Math.max(0, -distance) : Math.abs(distance);
  const exact = count / 2;
  if (far < exact) return begin + far;
  const scale = Math.log(far / exact) / Math.log(longestDistance / exact);
  return begin + Math.min(count - 1, exact + Math.floor(scale * (count - exact)));
}

/** A score that leaves nothing of what it is added to. */
const never = -1e9;

/** [heads] of [tokens, tokens]: what is added to the scores. @param table [buckets][heads] */
export function distanceBiases(
  tf: TensorFlow,
  table: Float32Array,
  heads: number,
  tokens: number,
  causal: boolean,
): Tensor2D[] {
  return Array.from({ length: heads }, (_, head) => {
    // By distance, from the farthest back.
    const line = Float32Array.from({ length: 2 * tokens - 1 }, (_, i) => {
      const distance = i - (tokens - 1);
      return causal && distance > 0 ? never : (table[bucketOf(distance, causal) * heads + head] as number);
    });
    const bias = new Float32Array(tokens * tokens);
    for (let query = 0; query < tokens; query++) {
      bias.set(line.subarray(tokens - 1 - query, 2 * tokens - 1 - query), query * tokens);
    }
    return tf.tensor2d(bias, [tokens, tokens]);
  });
}

/** The table's gradient from those of the biases. */
export function distanceGradient(slopes: readonly Float32Array[], tokens: number, causal: boolean): Float32Array {
  const heads = slopes.length;
  const gradient = new Float32Array(buckets * heads);
  const bucket = Int32Array.from({ length: 2 * tokens - 1 }, (_, i) => bucketOf(i - (tokens - 1), causal));
  slopes.forEach((slope, head) => {
    for (let query = 0; query < tokens; query++) {
      for (let key = 0; key < tokens; key++) {
        const to = (bucket[key - query + tokens - 1] as number) * heads + head;
        gradient[to] = (gradient[to] as number) + (slope[query * tokens + key] as number);
      }
    }
  });
  return gradient;
}
