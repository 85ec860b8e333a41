import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GenerateOptions, loadModel, type Model } from '../../lib/index.js';
import { fixture } from '../support/fixtures.js';
import { chiSquareLimit, chiSquareOf, softmax } from '../support/statistics.js';

/** A vocabulary of 512 and a prompt of one token, so that thousands of draws take a second. */
let model: Model;
let logits: Float32Array;
const prompt = [137];

beforeAll(async () => {
  model = await loadModel(fixture('qwen2moe/model.gguf'), { threads: 1, contextLength: 96 });
  ({ logits } = await model.evaluate(prompt));
});
afterAll(() => model.dispose());

const draws = 4000;

/** The first token after the prompt, by as many seeds. */
async function sample(options: GenerateOptions, count = draws): Promise<number[]> {
  const results = Array.from(
    { length: count },
    (_, seed) => model.generate(prompt, { ...options, seed, maxTokens: 1, ignoreEos: true }).result,
  );
  return (await Promise.all(results)).map(({ tokens }) => tokens[0] as number);
}

/** Tokens with their probabilities, most likely first. */
const ranking = (temperature = 1) => {
  const probabilities = softmax(logits, temperature);
  return [...probabilities.keys()]
    .map((token) => ({ token, probability: probabilities[token] as number }))
    .sort((a, b) => b.probability - a.probability);
};

/** That the tokens were drawn by these probabilities (made to sum to 1), and no others: wrong once in 10,000 times. */
function expectDistribution(tokens: number[], allowed: { token: number; probability: number }[]): void {
  const total = allowed.reduce((sum, { probability }) => sum + probability, 0);
  const expected = new Map(allowed.map(({ token, probability }) => [token, (probability / total) * tokens.length]));
  expect(tokens.filter((token) => !expected.has(token))).toEqual([]);
  const { statistic, degrees } = chiSquareOf(tokens, expected);
  expect(degrees).toBeGreaterThan(3);
  expect(statistic).toBeLessThan(chiSquareLimit(degrees));
}

describe('the sampled tokens follow the probabilities of the model', () => {
  it.each([0.7, 1, 1.8])('at temperature %f', async (temperature) => {
    expectDistribution(await sample({ temperature }), ranking(temperature));
  });

  it('among the most likely with topK', async () => {
    expectDistribution(await sample({ temperature: 1, topK: 8 }), ranking().slice(0, 8));
  });

  it('among the fewest that reach topP', async () => {
    let reached = 0;
    const nucleus = ranking().filter(({ probability }) => {
      const needed = reached < 0.8;
      reached += probability;
      return needed;
    });
    expectDistribution(await sample({ temperature: 1, topP: 0.8 }), nucleus);
  });

  it('among those with a share of the most likely one by minP', async () => {
    const most = ranking()[0]?.probability as number;
    const likely = ranking().filter(({ probability }) => probability >= 0.05 * most);
    expectDistribution(await sample({ temperature: 1, minP: 0.05 }), likely);
  });

  it('differently for every seed, also for neighbours of large ones', async () => {
    const options = { temperature: 1.8, maxTokens: 12, ignoreEos: true };
    const seeds = [0, 1, 2, 2 ** 53 - 1, 2 ** 53 - 2, (1n << 64n) - 1n, (1n << 64n) - 2n];
    const texts = await Promise.all(seeds.map((seed) => model.generate(prompt, { ...options, seed }).result));

    expect(new Set(texts.map(({ tokens }) => tokens.join())).size).toBe(seeds.length);
  });
});

describe('the same seed gives the same text', () => {
  const options = { temperature: 1.2, maxTokens: 30, ignoreEos: true };

  it('again, as number and as bigint', async () => {
    const [a, b, c] = await Promise.all(
      [77, 77, 77n].map((seed) => model.generate(prompt, { ...options, seed }).result),
    );

    expect(b?.tokens).toEqual(a?.tokens);
    expect(c?.tokens).toEqual(a?.tokens);
    expect([a?.seed, c?.seed]).toEqual([77, 77n]);
  });

  it('that a result says it had when none was given', async () => {
    const [first, second] = [
      await model.generate(prompt, options).result,
      await model.generate(prompt, options).result,
    ];

    expect(first?.seed).not.toBe(second?.seed);
    const again = await model.generate(prompt, { ...options, seed: first?.seed as number }).result;
    expect(again.tokens).toEqual(first?.tokens);
  });
});

describe('the most likely token is taken', () => {
  it.each<GenerateOptions>([
    { temperature: 0 },
    { temperature: 1.5, topK: 1 },
    { temperature: 1.5, topP: 0 },
    { temperature: 1.5, minP: 1 },
    { temperature: 1e-3 },
  ])('with %j', async (options) => {
    const greedy = await model.generate(prompt, { maxTokens: 40, ignoreEos: true }).result;

    const result = await model.generate(prompt, { ...options, maxTokens: 40, ignoreEos: true, seed: 3 }).result;

    expect(result.tokens).toEqual(greedy.tokens);
  });
});

describe('the repeat penalty', () => {
  /** By its definition in the CTRL paper (Keskar et al. 2019) as llama.cpp has it, over the last 64 tokens. */
  async function penalisedGreedy(penalty: number, count: number): Promise<number[]> {
    const text = [...prompt];
    while (text.length < prompt.length + count) {
      const { logits: row } = await model.evaluate(text, { from: text.length - 1 });
      for (const token of new Set(text.slice(-64))) {
        const logit = row[token] as number;
        row[token] = logit > 0 ? logit / penalty : logit * penalty;
      }
      text.push(row.indexOf(Math.max(...row)));
    }
    return text.slice(prompt.length);
  }

  it.each([1.3, 5, 0.8])('of %f does what its definition says', async (repeatPenalty) => {
    const { tokens } = await model.generate(prompt, { repeatPenalty, maxTokens: 80, ignoreEos: true }).result;

    expect(tokens).toEqual(await penalisedGreedy(repeatPenalty, 80));
  });

  it('of 1 changes nothing, and a high one keeps the last 64 tokens apart', async () => {
    const options = { maxTokens: 60, ignoreEos: true };
    const plain = await model.generate(prompt, options).result;

    expect((await model.generate(prompt, { ...options, repeatPenalty: 1 }).result).tokens).toEqual(plain.tokens);
    const { tokens } = await model.generate(prompt, { ...options, repeatPenalty: 1000 }).result;
    expect(new Set(tokens).size).toBe(60);
  });
});
