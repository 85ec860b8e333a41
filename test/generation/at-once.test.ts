import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type LoadModelOptions, loadModel, type Model } from '../../lib/index.js';
import { demoModel } from '../support/fixtures.js';
import { memoryBudget } from '../support/models.js';

const texts = [
  'In the beginning God created',
  'def read_file(path):\n    ',
  'The function returns a promise that',
  'const server = http.createServer((request, response) => {',
  'a small animal of the',
  'And the king said unto',
];
/** Twelve that differ in prompt, seed and length; every second one begins as the one before, and goes on differently. */
const asked = Array.from({ length: 12 }, (_, i) => ({
  prompt: `${'And God said, Let there be light: and there was light. '.repeat(4)}${texts[i >> 1]}${i % 2 ? ' and' : ' or'}`,
  options: { seed: i, temperature: 0.8, maxTokens: 20 + 3 * i, ignoreEos: true },
}));
const tokensOf = async (model: Model) =>
  (await Promise.all(asked.map(({ prompt, options }) => model.generate(prompt, options).result))).map((r) => r.tokens);

describe('generations at once', () => {
  let alone: number[][];
  beforeAll(async () => {
    const model = await loadModel(demoModel, { contextLength: 256 });
    alone = [];
    for (const { prompt, options } of asked) alone.push((await model.generate(prompt, options).result).tokens);
    await model.dispose();
  });

  const settings: Record<string, LoadModelOptions> = {
    'with room for all': { kvCacheTokens: 16 * 256 },
    'with room for one in the key/value cache': { kvCacheTokens: 256 },
    'of which few are under way': { maxSequences: 3 },
    'of which a step serves few': { sequencesPerStep: 2 },
    'regrouped by the experts that they share': { sequencesPerStep: 4, scheduling: 'regroup' },
    'with small steps': { batchTokens: 24, kvCacheTokens: 1024 },
  };
  for (const [name, options] of Object.entries(settings)) {
    it(`say what each says alone, ${name}`, async () => {
      const model = await loadModel(demoModel, { contextLength: 256, ...options });
      try {
        expect(await tokensOf(model)).toEqual(alone);
        const idle = { running: 0, waiting: 0, kvCacheTokensInUse: 0 };
        await vi.waitFor(() => expect(model.stats().scheduling).toMatchObject(idle));
      } finally {
        await model.dispose();
      }
    });
  }

  it('say what each says alone with few experts in memory, and pause when the cache is full', async () => {
    const sizes = { contextLength: 256, batchTokens: 32 };
    const model = await loadModel(demoModel, { ...sizes, ram: await memoryBudget(8, sizes) });
    try {
      expect(await tokensOf(model)).toEqual(alone);
      expect(model.stats().scheduling.pauses).toBeGreaterThan(0);
      expect(model.stats().scheduling.sharedTokens).toBeGreaterThan(0);
    } finally {
      await model.dispose();
    }
  });

  it('count the experts that each has used as if it were alone, what it shares included', async () => {
    const model = await loadModel(demoModel, { contextLength: 256 });
    afterAll(() => model.dispose());
    const prompt = asked[0]?.prompt as string;
    const options = { maxTokens: 4, ignoreEos: true };
    const solo = await model.generate(prompt, options).result;
    const both = await Promise.all([model.generate(prompt, options).result, model.generate(prompt, options).result]);
    expect(both.map(({ stats }) => stats.expertsUsed)).toEqual([solo.stats.expertsUsed, solo.stats.expertsUsed]);
    expect(both[1]?.stats.sharedPromptTokens).toBeGreaterThan(0);
  });
});
