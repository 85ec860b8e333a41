import { describe, expect, it, onTestFinished } from 'vitest';
import { inspectModel, loadModel, planMemory } from '../../lib/index.js';
import { Model } from '../../lib/model/model.js';
import { nativeAddon } from '../../lib/native/addon.js';
import type { NativeLoadOptions } from '../../lib/native/model.js';
import type { NativeRouteWeights } from '../../lib/native/prediction.js';
import { demoModel } from '../support/fixtures.js';
import { load, memoryBudget } from '../support/models.js';
import { previousTokenWeights } from '../support/route-weights.js';

const prompt = Array.from({ length: 20 }, (_, i) => 300 + 17 * i);
const generation = { maxTokens: 60, seed: 5, temperature: 0.8, ignoreEos: true };

async function demoShape() {
  const { model } = await inspectModel(demoModel);
  if (!model) return expect.unreachable();
  return { layers: model.expertLayers, experts: model.experts, expertsUsed: model.expertsUsed };
}

async function loadWith(options: Partial<NativeLoadOptions>): Promise<Model> {
  const { metadata } = await inspectModel(demoModel);
  const ram = await memoryBudget(6);
  const native = await nativeAddon().Model.load({ paths: [demoModel], threads: 2, ram, ...options });
  const model = new Model(nativeAddon(), native, metadata, { seconds: 0 });
  onTestFinished(() => model.dispose());
  return model;
}

describe('prediction of experts', () => {
  it('says what is in effect, what was tried, and how long a step takes with it', async () => {
    const model = await load(demoModel, { ram: await memoryBudget(6) });
    expect(model.stats().prediction).toEqual({
      inEffect: { prefetch: 'gate-ahead', layersAhead: 1 },
      tried: [],
      gateAhead: [],
      forecasts: 0,
      lateForecasts: 0,
      forecastSeconds: 0,
    });
    // 64 steps to fill the cache, then at most four turns of 40 for each of five ways.
    const { stats } = await model.generate(prompt, { ...generation, maxTokens: 64 + 5 * 4 * 40 + 2 }).result;
    const { experts, prediction } = model.stats();
    const tried = prediction?.tried ?? expect.unreachable();
    expect(tried.map(({ prefetch, layersAhead }) => [prefetch, layersAhead])).toEqual([
      ['gate-ahead', 1],
      ['none', 0],
      ['gate-ahead', 2],
      ['gate-ahead', 4],
      ['previous-token', 0],
    ]);
    for (const { stepSeconds } of tried) expect(stepSeconds).toBeGreaterThan(0);
    expect(tried.map(({ stepSeconds, ...strategy }) => strategy)).toContainEqual(prediction?.inEffect);
    expect(experts.prefetch).toBe(prediction?.inEffect.prefetch);
    expect(stats.prediction).toEqual(prediction);
  });

  it('says how often routers that were asked early were right', async () => {
    const model = await load(demoModel, { ram: await memoryBudget(6), cache: { prefetch: 'gate-ahead' } });
    // Few steps, so that no other number of layers is tried.
    await model.generate(prompt, { ...generation, maxTokens: 31 }).result;
    const [next, ...others] = model.stats().prediction?.gateAhead ?? [];
    expect(others).toEqual([]);
    expect(next?.layersAhead).toBe(1);
    const { expertLayers, expertsUsed } = model.info;
    const promptTokens = model.promptTokens(prompt).length;
    // Of a prompt this long nearly everything is needed anyway, so that its routers are not asked.
    const asked = 30 + (promptTokens <= 16 ? promptTokens : 0);
    expect(next?.choices).toBe(asked * (expertLayers - 1) * expertsUsed);
    const recall = (next?.right ?? 0) / (next?.choices ?? 1);
    expect(recall).toBeGreaterThan(0.6);
    expect(recall).toBeLessThan(1);
  });

  it('is absent where all experts are in memory', async () => {
    const model = await load(demoModel);
    const { stats } = await model.generate(prompt, { maxTokens: 3 }).result;
    expect(stats).not.toHaveProperty('prediction');
    expect(model.stats()).not.toHaveProperty('prediction');
    expect(stats.experts.prefetch).toBe('none');
  });

  it('by a trained predictor changes no token, and its forecasts are counted', async () => {
    const expected = await (await load(demoModel)).generate(prompt, generation).result;
    const predictor = previousTokenWeights(await demoShape());
    for (const prefetch of ['route-path', 'blend'] as const) {
      const model = await loadWith({ prefetch, predictor });
      const { tokens, stats } = await model.generate(prompt, generation).result;
      expect(tokens).toEqual(expected.tokens);
      expect(stats.experts.prefetch).toBe(prefetch);
      const { inEffect, forecasts, lateForecasts, forecastSeconds, failure } = stats.prediction ?? expect.unreachable();
      expect(inEffect).toEqual({ prefetch, layersAhead: prefetch === 'blend' ? 1 : 0, leastProbability: 0.2 });
      // One for each token that is read back: neither for the prompt nor for the last one.
      expect(forecasts + lateForecasts).toBe(generation.maxTokens - 1);
      expect(forecasts).toBeGreaterThan(0);
      expect(forecastSeconds).toBeGreaterThan(0);
      expect(failure).toBeUndefined();
    }
  });

  it('goes on without the predictor when its thread fails, and says why', async () => {
    const expected = await (await load(demoModel)).generate(prompt, generation).result;
    const predictor = previousTokenWeights(await demoShape());
    // Infinite in both directions: the sum is no number.
    const outputs = predictor.outputBias.length;
    predictor.hiddenBias.fill(3e38);
    predictor.output.fill(3e38, 0, outputs);
    predictor.output.fill(-3e38, outputs, 2 * outputs);
    // What auto then finds fastest depends on the machine.
    const without = { 'route-path': ['none'], blend: ['gate-ahead'], auto: ['none', 'gate-ahead', 'previous-token'] };
    for (const prefetch of ['route-path', 'blend', 'auto'] as const) {
      const model = await loadWith({ prefetch, predictor });
      // So many that auto comes to its forecasts.
      const maxTokens = prefetch === 'auto' ? 64 + 6 * 40 : generation.maxTokens;
      const { tokens, stats } = await model.generate(prompt, { ...generation, maxTokens }).result;
      expect(tokens.slice(0, generation.maxTokens)).toEqual(expected.tokens);
      expect(stats.prediction?.failure).toMatch(/^the predictor gave -?nan as a probability$/);
      expect(stats.prediction?.forecasts).toBe(0);
      expect(without[prefetch]).toContain(stats.prediction?.inEffect.prefetch);
    }
  });

  it('needs a predictor for route-path and blend', async () => {
    for (const prefetch of ['route-path', 'blend'] as const) {
      const refused = {
        code: 'INVALID_ARGUMENT',
        message: `prefetch ${prefetch} needs a predictor that was trained for this model; give one, or choose another way to prefetch`,
      };
      await expect(loadModel(demoModel, { cache: { prefetch } })).rejects.toMatchObject(refused);
      await expect(planMemory(demoModel, { cache: { prefetch } })).rejects.toMatchObject(refused);
    }
  });

  it('counts the predictor into the memory budget', async () => {
    const predictor = previousTokenWeights(await demoShape());
    const plan = await nativeAddon().plan({ paths: [demoModel], predictor });
    const weights = Object.values(predictor).reduce((sum, v) => sum + (typeof v === 'number' ? 0 : v.byteLength), 0);
    expect(plan.predictorBytes).toBeGreaterThan(weights);
    expect((await nativeAddon().plan({ paths: [demoModel] })).predictorBytes).toBe(0);
  });

  it('refuses weights that are not of the model, not of one size or not numbers', async () => {
    const shape = await demoShape();
    const refuse = async (predictor: unknown, message: string) => {
      const options = { paths: [demoModel], predictor: predictor as NativeRouteWeights };
      await expect((async () => nativeAddon().Model.load(options))()).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      });
    };
    const weights = previousTokenWeights(shape);
    await refuse(
      previousTokenWeights({ ...shape, layers: 3 }),
      `the predictor is for 3 layers of ${shape.experts} experts`,
    );
    await refuse({ ...weights, output: new Float32Array(3) }, 'predictor: output has 3 values, not');
    await refuse({ ...weights, hiddenBias: new Float32Array(3).fill(Number.NaN) }, 'value 0 of hidden_bias is nan');
    await refuse({ ...weights, views: [1, 2] }, 'views must be a Float32Array');
    await refuse({ ...weights, hidden: undefined }, 'hidden must be an integer');
    await refuse('none', 'predictor must be an object');
  });
});
