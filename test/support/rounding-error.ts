/** How far rounded activations take the logits from float32 arithmetic, and what llama.cpp loses in the same way. */

import type { Model } from '../../lib/index.js';
import { type Reference, referenceLogits } from './reference.js';

/**
 * Root mean square difference between the logits of llama.cpp v0.5.0 (CPU, key/value cache in float32, activations
 * rounded to 8 bits) and of Hugging Face transformers in float32, over the rows that {@link roundingError} looks at.
 * Source: `as_is.rms_logit_diff` of verified.json, written when the fixtures were made.
 */
export const llamaCppError: Readonly<Record<string, number>> = {
  'gpt-oss-mxfp4': 0.195,
  'qwen3moe-iq4_nl': 0.212,
  'qwen3moe-iq4_xs': 0.0736,
  'qwen3moe-mxfp4': 0.0466,
  'qwen3moe-q2_k': 0.0842,
  'qwen3moe-q4_0': 0.0501,
  'qwen3moe-q4_k_m': 0.0712,
  'qwen3moe-q5_k_m': 0.26,
  'qwen3moe-q6_k': 0.0928,
  'qwen3moe-q8_0': 0.176,
};

export interface RoundingError {
  /** Root mean square over all rows of the reference. */
  all: number;
  /** Over the rows whose own token went to the reference's experts at every layer. */
  sameExperts: number;
  /** Rows left out of `sameExperts`. */
  otherExperts: number;
  /** Rows in the reference. */
  rows: number;
}

/** Over the prompt of 33 tokens and the last position of the others. */
export async function roundingError(reference: Reference, model: Model): Promise<RoundingError> {
  const squares: { sum: number; sameExperts: boolean }[] = [];
  for (const { ids } of reference.prompts) {
    const { logits, vocabulary, routing } = await model.evaluate(ids);
    const { from, logits: expected } = referenceLogits(reference, ids.length);
    const experts = reference.integers(`router_ids/${ids.length}`);
    const perToken = routing.layers * routing.k;
    for (let token = from; token < ids.length; token++) {
      let sum = 0;
      for (let v = 0; v < vocabulary; v++) {
        sum +=
          ((logits[token * vocabulary + v] as number) - (expected[(token - from) * vocabulary + v] as number)) ** 2;
      }
      const place = [token * perToken, (token + 1) * perToken] as const;
      const sameExperts = sameSets(routing.experts.subarray(...place), experts.subarray(...place), routing.k);
      squares.push({ sum: sum / vocabulary, sameExperts });
    }
  }
  const same = squares.filter((row) => row.sameExperts);
  return {
    all: rootMean(squares),
    sameExperts: rootMean(same),
    otherExperts: squares.length - same.length,
    rows: squares.length,
  };
}

/** Whether the experts are the same at every layer, in any order. */
function sameSets(ours: Int32Array, theirs: Int32Array, k: number): boolean {
  for (let at = 0; at < ours.length; at += k) {
    const chosen = new Set(ours.subarray(at, at + k));
    if (theirs.subarray(at, at + k).some((expert) => !chosen.has(expert))) return false;
  }
  return true;
}

function rootMean(rows: { sum: number }[]): number {
  return Math.sqrt(rows.reduce((sum, row) => sum + row.sum, 0) / rows.length);
}

/** A line of the table that the tests print. */
export function errorLine(name: string, error: RoundingError): string {
  return [
    name.padEnd(16),
    `llama.cpp ${llamaCppError[name]?.toFixed(4)}`,
    `moeflow ${error.all.toFixed(4)}`,
    `${error.sameExperts.toFixed(4)} without ${error.otherExperts} of ${error.rows} positions whose experts differ`,
  ].join('  ');
}
