import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Evaluation, type LoadModelOptions, loadModel, type Model } from '../../lib/index.js';
import { nativeAddon } from '../../lib/native/addon.js';
import type { NativeModel } from '../../lib/native/model.js';
import { demoModel, fixture } from '../support/fixtures.js';
import { firstDifference, load } from '../support/models.js';

const length = 96;
/** No two prompts share a beginning. */
const prompt = (number: number, tokens = length) =>
  Int32Array.from({ length: tokens }, (_, i) => ((i + 1) * (31 + 2 * number) + 17 * number) % 509);

const models = [
  { name: 'the demo model', path: demoModel },
  { name: 'a model with a shared expert', path: fixture('qwen2moe/model.gguf') },
  { name: 'a model with latent attention', path: fixture('deepseek2-v2lite/model.gguf') },
  { name: 'a quantised model with a sliding window', path: fixture('gpt-oss-mxfp4/model.gguf') },
];

// Promise 1: placement, company, chunking and threads change speed, never tokens.
describe.each(models)('the logits of $name have the same bits', ({ path }) => {
  let alone: Evaluation;

  beforeAll(async () => {
    const model = await loadModel(path, { threads: 1, batchTokens: length });
    alone = await model.evaluate(prompt(0));
    await model.dispose();
  });

  async function expectSameBits(options: LoadModelOptions): Promise<void> {
    const evaluation = await (await load(path, options)).evaluate(prompt(0));
    expect(firstDifference(evaluation.logits, alone.logits)).toBeUndefined();
    expect(evaluation.routing).toEqual(alone.routing);
  }

  it.each([1, 7, 32, 96])('with the prompt in chunks of %i', (batchTokens) => expectSameBits({ batchTokens }));
  it.each([1, 2, 3])('by %i threads', (threads) => expectSameBits({ threads }));
  it.each([length, 500])('in a context of %i tokens', (contextLength) => expectSameBits({ contextLength }));

  it('while other sequences are evaluated', async () => {
    const model = await load(path, { batchTokens: 16 });

    const [evaluation] = await Promise.all([0, 1, 2].map((number) => model.evaluate(prompt(number))));

    expect(firstDifference((evaluation as Evaluation).logits, alone.logits)).toBeUndefined();
  });

  it.each([2, 3])('in steps shared with others, first, in the middle or last, by %i threads', async (threads) => {
    const native = await nativeAddon().Model.load({ paths: [path], threads, batchRows: 256 });
    try {
      for (const place of [0, 1, 2]) {
        expect(firstDifference(await inCompany(native, place), alone.logits), `place ${place}`).toBeUndefined();
      }
    } finally {
      await native.dispose();
    }
  });
});

/** Logits of prompt 0 read in chunks of 40, each in a step with two others that are elsewhere in their text. */
async function inCompany(native: NativeModel, place: number): Promise<Float32Array> {
  const sequence = await native.createSequence();
  const others = [await native.createSequence(), await native.createSequence()];
  const { vocabulary } = native.info();
  const logits = new Float32Array(length * vocabulary);
  for (let at = 0; at < length; at += 40) {
    const step = [
      { sequence: others[0] as number, tokens: prompt(1, 23), routing: true },
      { sequence: others[1] as number, tokens: prompt(2, 1), logitsFrom: 0 },
    ];
    step.splice(place, 0, { sequence, tokens: prompt(0).subarray(at, at + 40), logitsFrom: 0 });
    const { items } = await native.step(step);
    logits.set(items[place]?.logits as Float32Array, at * vocabulary);
  }
  for (const done of [sequence, ...others]) await native.freeSequence(done);
  return logits;
}

describe('four generations at once give the texts of four runs alone', () => {
  let model: Model;
  beforeAll(async () => {
    // A small step, so that the prompts are cut and share steps with the others' tokens.
    model = await loadModel(demoModel, { threads: 2, batchTokens: 24, contextLength: 512 });
  });
  afterAll(() => model.dispose());

  const ways = [
    { how: 'greedy', options: {} },
    { how: 'sampled', options: { temperature: 0.9, topK: 50, topP: 0.95, repeatPenalty: 1.1 } },
  ];
  it.each(ways)('$how', async ({ options }) => {
    const start = (number: number) =>
      model.generate(prompt(number, 5 + 30 * number), {
        ...options,
        seed: 1000 + number,
        maxTokens: 40,
        ignoreEos: true,
        routing: true,
      }).result;
    const alone = [await start(0), await start(1), await start(2), await start(3)];

    const together = await Promise.all([0, 1, 2, 3].map(start));

    expect(together.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
    expect(together.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
    expect(together.map(({ routing }) => routing)).toEqual(alone.map(({ routing }) => routing));
  });

  it('also when some of them are abandoned half-way', async () => {
    const options = { temperature: 0.8, seed: 5, maxTokens: 40, ignoreEos: true };
    const alone = await model.generate(prompt(1), options).result;
    const controller = new AbortController();
    const abandoned = model.generate(prompt(2, 200), { signal: controller.signal });
    const left = model.generate(prompt(3, 9));

    const survivor = model.generate(prompt(1), options);
    for await (const _ of left) break;
    controller.abort(new Error('not needed any more'));

    await expect(abandoned.result).rejects.toThrow('not needed any more');
    expect((await survivor.result).tokens).toEqual(alone.tokens);
  });
});
