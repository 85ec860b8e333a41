/** What a prediction costs: features and network, with weights of no meaning; and what it stands beside, a step. */

import { loadModel } from '../../lib/model/load.js';
import { nativeAddon } from '../../lib/native/addon.js';
import { below, uniforms } from '../../lib/random.js';
import { initialWeights } from '../../predictor/initial-weights.js';
import type { RouteShape } from '../../predictor/weights.js';
import { median } from '../shared/statistics.js';

/** The median of twenty runs over `rows` tokens, each with a history of two hundred. */
export function predictionMilliseconds(shape: RouteShape, rows: number): number {
  const { layers, experts, expertsUsed } = shape;
  const random = uniforms(1);
  const dataset = new (nativeAddon().RouteDataset)(shape);
  const length = 200;
  const last: number[] = [];
  for (let row = 0; row < rows; row++) {
    const tokens = Int32Array.from({ length }, () => below(100, random));
    const routes = Int32Array.from({ length: length * layers * expertsUsed }, (_, i) => {
      const step = experts / expertsUsed;
      return Math.floor((i % expertsUsed) * step) + below(Math.floor(step), random);
    });
    dataset.add(tokens, routes);
    last.push((row + 1) * length - 1);
  }
  const sizes = { ...shape, tokenWidth: 32, hidden: 256, tokens: Int32Array.from({ length: 100 }, (_, i) => i) };
  const popularity = new Float64Array(layers * experts).fill(expertsUsed / experts);
  const table = dataset.learnTable(Int32Array.from({ length: rows * length }, (_, i) => i));
  const predictor = new (nativeAddon().RoutePredictor)(initialWeights(sizes, table, popularity, 2));
  const asked = Int32Array.from(last);
  const times = Array.from({ length: 20 }, () => {
    const began = performance.now();
    dataset.predict(predictor, asked);
    return performance.now() - began;
  });
  return median(times);
}

export interface StepCost {
  shape: RouteShape;
  /** The median step of all sequences together. */
  milliseconds: number;
  threads: number;
}

/** Decodes with all in memory, `sequences` side by side. */
export async function stepCost(file: string, sequences: number): Promise<StepCost> {
  const promptTokens = 8;
  const tokens = 24;
  const model = await loadModel(file, { predictor: 'none', contextLength: promptTokens + tokens + 2 });
  try {
    const random = uniforms(3);
    const prompts = Array.from({ length: sequences }, () =>
      Array.from({ length: promptTokens }, () => below(model.info.vocabulary, random)),
    );
    const times: number[] = [];
    let computed = model.stats().computeSeconds;
    const results = prompts.map(async (prompt, i) => {
      for await (const _ of model.generate(prompt, { maxTokens: tokens, temperature: 0, ignoreEos: true })) {
        if (i > 0) continue;
        const now = model.stats().computeSeconds;
        times.push(now - computed);
        computed = now;
      }
    });
    await Promise.all(results);
    const { expertLayers: layers, experts, expertsUsed, threads } = model.info;
    // The first ones still have prompts in them.
    return { shape: { layers, experts, expertsUsed }, milliseconds: 1e3 * median(times.slice(4)), threads };
  } finally {
    await model.dispose();
  }
}
