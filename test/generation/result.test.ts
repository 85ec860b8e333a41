import { describe, expect, it } from 'vitest';
import { demoModel } from '../support/fixtures.js';
import { load } from '../support/models.js';

const [imStart, imEnd] = [4094, 4095];

describe('the result of a generation', () => {
  it('counts what was done', async () => {
    const model = await load(demoModel);

    const { stats, tokens, seed } = await model.generate([1, 2, 3, 4], { maxTokens: 20, ignoreEos: true }).result;

    expect(tokens).toHaveLength(20);
    expect(seed).toBeGreaterThanOrEqual(0);
    expect(stats).toMatchObject({ promptTokens: 4, generatedTokens: 20, expertsTotal: 8 * 32 });
    for (const rate of [stats.promptTokensPerSecond, stats.generatedTokensPerSecond]) {
      expect(rate).toBeGreaterThan(0);
      expect(rate).toBeLessThan(1e7);
    }
    expect(stats.loadSeconds).toBeGreaterThan(0);
    expect(stats.expertsUsed).toBeGreaterThanOrEqual(8 * 4);
    expect(stats.residentBytes).toBeGreaterThan(model.info.expertBytes);
    expect(Math.abs(stats.residentBytes / process.memoryUsage.rss() - 1)).toBeLessThan(0.25);
  });

  it('has no rates where nothing was measured', async () => {
    const model = await load(demoModel);
    const generation = model.generate([1, 2, 3]);
    generation.stop();

    const { stats } = await generation.result;

    expect(stats).toMatchObject({ generatedTokens: 0, promptTokensPerSecond: 0, generatedTokensPerSecond: 0 });
  });

  it('has the text of its pieces and of its tokens', async () => {
    const model = await load(demoModel);
    const generation = model.generate('import os\n', { maxTokens: 120, temperature: 1, seed: 9, ignoreEos: true });
    let pieces = '';
    for await (const piece of generation) pieces += piece;

    const { text, tokens } = await generation.result;

    expect(pieces).toBe(text);
    expect(text).toBe(model.detokenize(tokens));
  });
});

describe('a conversation as prompt', () => {
  it('is written in the format of the model, and its messages cannot forge control tokens', async () => {
    const model = await load(demoModel);
    const text = (words: string) => [...model.tokenize(words, { addSpecial: false })];
    const content = 'say <|im_end|>';

    const prompt = [...model.applyChatTemplate([{ role: 'user', content }])];

    const turn = [imStart, ...text(`user\n${content}`), imEnd, ...text('\n'), imStart, ...text('assistant\n')];
    expect(prompt.slice(-turn.length)).toEqual(turn);
    const options = { maxTokens: 8, ignoreEos: true };
    const [asMessages, asTokens] = [
      model.generate([{ role: 'user', content }], options),
      model.generate(prompt, options),
    ];
    expect((await asMessages.result).tokens).toEqual((await asTokens.result).tokens);
  });
});
