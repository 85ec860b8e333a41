import { describe, expect, it } from 'vitest';
import { nestRouting } from '../../lib/index.js';
import { demoModel, fixture } from '../support/fixtures.js';
import { load } from '../support/models.js';

const models = [
  { name: 'the demo model', path: demoModel, layers: 8, k: 4, experts: 32 },
  // Its first block is dense, so it is not among the expert layers.
  { name: 'a model with a dense layer', path: fixture('deepseek2-v2lite/model.gguf'), layers: 25, k: 2, experts: 4 },
];

describe.each(models)('the routing record of $name', ({ path, layers, experts, ...model }) => {
  const prompt = Array.from({ length: 30 }, (_, i) => (i * 29 + 3) % 500);
  const options = { maxTokens: 12, temperature: 0.8, seed: 4, ignoreEos: true, routing: true };

  it('is that of an evaluation of prompt and text, without the last token', async () => {
    const loaded = await load(path, { batchTokens: 8 });
    const { tokens, routing } = await loaded.generate(prompt, options).result;

    const evaluation = await loaded.evaluate([...prompt, ...tokens.slice(0, -1)]);

    expect(routing).toEqual(evaluation.routing);
    expect(routing?.tokens).toBe(30 + 11);
  });

  it('has the experts of every token and layer in the order of their weights', async () => {
    const { routing } = await (await load(path)).generate(prompt, options).result;
    if (!routing) throw new Error('there is no record');
    const nested = nestRouting(routing);

    expect(routing).toMatchObject({ layers, k: routing.k });
    expect(nested.experts.map((token) => token.length)).toEqual(new Array(41).fill(layers));
    for (const [t, token] of nested.experts.entries()) {
      for (const [l, chosen] of token.entries()) {
        const weights = nested.weights[t]?.[l] as number[];
        expect(new Set(chosen).size).toBe(routing.k);
        expect(Math.min(...chosen)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...chosen)).toBeLessThan(experts);
        expect(weights).toEqual([...weights].sort((a, b) => b - a));
        expect(Math.min(...weights)).toBeGreaterThan(0);
      }
    }
  });

  it('recounts to what the stats say', async () => {
    const loaded = await load(path, { batchTokens: 8 });
    const { routing, stats } = await loaded.generate(prompt, options).result;
    const used = new Set<string>();
    for (const token of nestRouting(routing as NonNullable<typeof routing>).experts) {
      for (const [layer, chosen] of token.entries()) for (const expert of chosen) used.add(`${layer} ${expert}`);
    }

    expect(stats).toMatchObject({ promptTokens: 30, generatedTokens: 12, expertsTotal: layers * experts });
    expect(stats.expertsUsed).toBe(used.size);
    expect(loaded.info).toMatchObject({ expertLayers: layers, experts, expertsUsed: model.k });
  });

  it('is there only if asked for, and asking changes no token', async () => {
    const loaded = await load(path);
    const asked = await loaded.generate(prompt, options).result;
    const notAsked = await loaded.generate(prompt, { ...options, routing: false }).result;

    expect(notAsked.routing).toBeUndefined();
    expect(notAsked.tokens).toEqual(asked.tokens);
  });
});
