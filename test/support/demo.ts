/** The demo model's reference values and held-out text. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '../../lib/index.js';
import { demoFolder } from './fixtures.js';

export interface DemoReference {
  windows: number;
  window: number;
  /** Nats per token, by domain. */
  nll: Record<string, number>;
}

/** By Hugging Face transformers in float32, from the original float16 weights. */
export const original = read<
  DemoReference & { greedy: Record<string, { prompt_ids: number[]; ids: number[]; text: string }> }
>('reference.json');

/** By llama.cpp, from the Q8_0 file: dequantised, and with activations rounded to 8 bits. */
export const quantised = read<DemoReference & { nll_rounded_activations: Record<string, number> }>(
  'reference-q8_0.json',
);

function read<T>(file: string): T {
  return JSON.parse(readFileSync(join(demoFolder, file), 'utf8')) as T;
}

/** Mean negative log likelihood of held-out text, over the windows of the references. */
export async function heldOutNll(model: Model, domain: string): Promise<number> {
  const { windows, window } = original;
  const tokens = Int32Array.from(read<number[]>(`heldout/${domain}.json`));
  let sum = 0;
  for (let start = 0; start < windows * window; start += window) {
    const { logits, vocabulary } = await model.evaluate(tokens.subarray(start, start + window));
    for (let i = 0; i < window; i++) {
      const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary);
      sum += negativeLogLikelihood(row, tokens[start + i + 1] as number);
    }
  }
  return sum / (windows * window);
}

function negativeLogLikelihood(logits: Float32Array, token: number): number {
  let peak = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > peak) peak = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - peak);
  return Math.log(sum) + peak - (logits[token] as number);
}
