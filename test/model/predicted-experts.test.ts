import { describe, expect, it } from 'vitest';
import { nativeAddon } from '../../lib/native/addon.js';
import type { NativeModel } from '../../lib/native/model.js';
import type { NativePrediction } from '../../lib/native/step.js';
import { demoModel } from '../support/fixtures.js';
import { memoryBudget } from '../support/models.js';

const prompt = Int32Array.from({ length: 24 }, (_, i) => 300 + 17 * i);

/** Reads the prompt token by token; what is predicted for a token comes from `predict`. */
async function read(model: NativeModel, predict: (token: number) => NativePrediction | undefined) {
  const sequence = await model.createSequence();
  const routes: Int32Array[] = [];
  let logits: Float32Array | undefined;
  for (let i = 0; i < prompt.length; i++) {
    const item = { sequence, tokens: prompt.subarray(i, i + 1), logitsFrom: 0, routing: true };
    const { items } = await model.step([item], undefined, predict(i));
    routes.push(items[0]?.experts as Int32Array);
    logits = items[0]?.logits;
  }
  return { routes, logits };
}

describe('experts predicted for a step', () => {
  it('are fetched, in either form, and change nothing', async () => {
    const open = async () =>
      nativeAddon().Model.load({
        paths: [demoModel],
        threads: 2,
        batchRows: 32,
        ram: await memoryBudget(4, { batchTokens: 32 }),
        prefetch: 'previous-token',
      });
    const model = await open();
    const { expertLayers: layers, experts, expertsUsed: k } = model.info();
    const expected = await read(model, () => undefined);
    await model.dispose();
    const sets = (token: number) =>
      Array.from({ length: layers }, (_, l) => (expected.routes[token] as Int32Array).slice(l * k, (l + 1) * k));
    const probabilities = (token: number) => {
      const values = new Float32Array(layers * experts);
      sets(token).forEach((set, layer) => {
        for (const expert of set) values[layer * experts + expert] = 0.9;
      });
      return values;
    };
    const misses: number[] = [];
    for (const predict of [sets, probabilities, () => Array.from({ length: layers }, () => Int32Array.of(0, 1))]) {
      const other = await open();
      expect(await read(other, predict)).toEqual(expected);
      misses.push((await other.layerCounters()).reduce((sum, layer) => sum + layer.misses, 0));
      await other.dispose();
    }
    // The first two are right, always.
    expect(misses[0]).toBeLessThan((misses[2] as number) / 2);
    expect(misses[1]).toBeLessThan((misses[2] as number) / 2);
  });

  it('must be for the layers and experts that the model has', async () => {
    const model = await nativeAddon().Model.load({ paths: [demoModel], threads: 2 });
    const { expertLayers: layers, experts } = model.info();
    const sequence = await model.createSequence();
    const refuse = (predicted: unknown, message: string) =>
      expect(
        (async () => model.step([{ sequence, tokens: prompt }], undefined, predicted as NativePrediction))(),
      ).rejects.toThrow(message);
    await refuse([Int32Array.of(0)], `predicted has 1 layers; the model has ${layers} with experts`);
    await refuse(new Float32Array(7), 'predicted has 7 probabilities; the model has');
    await refuse(new Float32Array(layers * experts).fill(Number.NaN), 'predicted: nan for expert 0 of layer 0');
    await refuse(
      Array.from({ length: layers }, () => Int32Array.of(experts)),
      `expert ${experts} is predicted for layer 0`,
    );
    await refuse([[0]], 'predicted[0] must be an Int32Array');
    await refuse('all', 'predicted must be a Float32Array, or an array of Int32Array');
    await model.dispose();
  });
});
