import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError, loadModel, type Model } from '../../lib/index.js';
import { demoModel, fixture } from '../support/fixtures.js';

describe('log probabilities', () => {
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(demoModel, { contextLength: 256 });
  });
  afterAll(() => model.dispose());

  it('are those of the logits, of every token and of the most likely ones in its place', async () => {
    const prompt = [...model.tokenize('In the beginning')];
    const options = { maxTokens: 20, temperature: 1, seed: 3, repeatPenalty: 1.3, topK: 40, ignoreEos: true };
    const { tokens, logprobs } = await model.generate(prompt, { ...options, logprobs: 4 }).result;
    const { logits } = await model.evaluate([...prompt, ...tokens.slice(0, -1)], { from: prompt.length - 1 });
    const vocabulary = model.info.vocabulary;

    expect(logprobs?.map(({ token }) => token)).toEqual(tokens);
    tokens.forEach((token, i) => {
      const row = [...logits.subarray(i * vocabulary, (i + 1) * vocabulary)];
      const peak = Math.max(...row);
      const logSum = peak + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - peak), 0));
      const likeliest = [...row.keys()].sort((a, b) => (row[b] as number) - (row[a] as number) || a - b).slice(0, 4);
      expect(logprobs?.[i]?.logprob).toBeCloseTo((row[token] as number) - logSum, 4);
      expect(logprobs?.[i]?.top.map(({ token }) => token)).toEqual(likeliest);
      logprobs?.[i]?.top.forEach(({ token, logprob }) => {
        expect(logprob).toBeCloseTo((row[token] as number) - logSum, 4);
      });
    });
  });

  it('change no token, and come with the pieces that their tokens became', async () => {
    const options = { maxTokens: 40, temperature: 1, seed: 5 };
    const plain = await model.generate('And it came to pass', options).result;
    const generation = model.generate('And it came to pass', { ...options, logprobs: 0 });
    const pieces = [];
    for await (const piece of generation.pieces()) pieces.push(piece);
    const result = await generation.result;

    expect(result.tokens).toEqual(plain.tokens);
    expect(plain.logprobs).toBeUndefined();
    expect(pieces.flatMap(({ tokens }) => tokens)).toEqual(result.tokens);
    expect(pieces.flatMap(({ logprobs }) => logprobs)).toEqual(result.logprobs);
    expect(pieces.map(({ text }) => text).join('')).toBe(result.text);
  });

  it('of more tokens than the model has are refused', async () => {
    await using small = await loadModel(fixture('qwen2moe/model.gguf'), { threads: 1, contextLength: 32 });
    const ask = (logprobs: number) => small.generate([1], { maxTokens: 2, logprobs });
    expect(() => ask(513)).toThrow(InvalidArgumentError);
    expect(() => ask(513)).toThrow('logprobs is 513, but the model has 512 tokens in all');
    expect((await ask(512).result).logprobs?.[0]?.top).toHaveLength(512);
  });
});
