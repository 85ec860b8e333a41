import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ContextFullError,
  type GenerateOptions,
  InvalidArgumentError,
  inspectModel,
  type LoadModelOptions,
  loadModel,
  type Model,
  type Prompt,
} from '../../lib/index.js';
import { demoModel } from '../support/fixtures.js';
import { firstDifference } from '../support/models.js';

let model: Model;
beforeAll(async () => {
  model = await loadModel(demoModel, { threads: 2, contextLength: 32 });
});
afterAll(() => model.dispose());

/** As a caller without type checking could call it. */
const generate = (prompt: unknown, options?: unknown) => model.generate(prompt as Prompt, options as GenerateOptions);
const refused = (call: () => unknown, message: string | RegExp) => {
  expect(call).toThrow(InvalidArgumentError);
  expect(call).toThrow(message);
};

describe('a prompt', () => {
  it.each([
    ['text', ''],
    ['tokens', []],
    ['an Int32Array', new Int32Array()],
  ])('of no %s is refused', (_, prompt) => {
    refused(() => generate(prompt), 'the prompt is empty');
  });

  it.each([
    ['out of range', [1, 2, 4096], 'tokens[2] is 4096; ids are integers from 0 to 4095'],
    ['negative', [1, -1], 'tokens[1] is -1'],
    ['fractional', [0.5], 'tokens[0] is 0.5'],
    ['not numbers', [1, Number.NaN], 'tokens[1] is NaN'],
    ['infinite', [Number.POSITIVE_INFINITY], 'tokens[0] is Infinity'],
    ['text', [1, '2'], 'tokens[1] is 2'],
    ['missing', [1, undefined], 'tokens[1] is undefined'],
    ['beyond 32 bits', [2 ** 32 + 1], 'tokens[0] is 4294967297'],
  ])('with token ids that are %s is refused, by index', async (_, prompt, message) => {
    refused(() => generate(prompt), message);
    await expect(model.evaluate(prompt as number[])).rejects.toThrow(message);
  });

  it.each([[undefined], [null], [42], [true], [{ text: 'hi' }], [new Float32Array([1])]])(
    'that is %s is refused',
    (prompt) => {
      refused(() => generate(prompt), 'prompt must be a string, an array of messages, or an array of token ids');
    },
  );

  it('longer than the context is refused, with both lengths', async () => {
    const prompt = new Int32Array(33).fill(5);

    expect(() => model.generate(prompt)).toThrow(ContextFullError);
    expect(() => model.generate(prompt)).toThrow('the prompt has 33 tokens, the context 32');
    await expect(model.evaluate(prompt)).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
  });

  it('with half a surrogate pair reads as one with U+FFFD, as every UTF-8 encoder writes it', async () => {
    const [broken, replaced] = ['the \ud83d end', 'the \ufffd end'];

    expect(model.tokenize(broken)).toEqual(model.tokenize(replaced));
    const options = { maxTokens: 5, routing: true };
    const [a, b] = [await model.generate(broken, options).result, await model.generate(replaced, options).result];
    expect(a.tokens).toEqual(b.tokens);
    expect(a.routing).toEqual(b.routing);
  });
});

describe('the end of the context', () => {
  it('ends the text: the last token is made when the others fill it', async () => {
    const result = await model.generate(new Int32Array(10).fill(5), { ignoreEos: true, maxTokens: 1000 }).result;

    expect(result.finishReason).toBe('length');
    expect(result.tokens).toHaveLength(32 - 10 + 1);
  });

  it('leaves room for one token after a prompt that fills it', async () => {
    const { tokens, finishReason } = await model.generate(new Int32Array(32).fill(5), { ignoreEos: true }).result;

    expect({ length: tokens.length, finishReason }).toEqual({ length: 1, finishReason: 'length' });
  });
});

describe('an option of generate', () => {
  it.each([
    ['maxToken', 'maxTokens'],
    ['max_tokens', 'maxTokens'],
    ['temprature', 'temperature'],
    ['top_k', 'topK'],
    ['stops', 'stop'],
    ['repeat_penalty', 'repeatPenalty'],
  ])('called %s is refused with the question whether %s is meant', (name, meant) => {
    refused(() => generate('a', { [name]: 1 }), `unknown option ${name}; did you mean ${meant}?`);
  });

  it('unlike all others is refused with the list of those known', () => {
    refused(() => generate('a', { beamWidth: 3 }), /unknown option beamWidth; known are maxTokens, temperature, /);
    refused(() => generate('a', { constructor: 3 }), 'unknown option constructor');
  });

  it.each<[string, unknown, string]>([
    ['maxTokens', 0, 'an integer of at least 1, is 0'],
    ['maxTokens', 1.5, 'an integer of at least 1, is 1.5'],
    ['maxTokens', '7', 'an integer of at least 1, is "7"'],
    ['temperature', -0.1, 'a number from 0 to 1000000, is -0.1'],
    ['temperature', Number.NaN, 'a number from 0 to 1000000, is NaN'],
    ['topK', -1, 'an integer from 0 to 2147483647, is -1'],
    ['topP', 1.01, 'a number from 0 to 1, is 1.01'],
    ['minP', null, 'a number from 0 to 1, is null'],
    ['repeatPenalty', 0, 'a number from 0.001 to 1000, is 0'],
    ['seed', -1, 'an integer from 0 to 2^53 - 1, or a bigint below 2^64, is -1'],
    ['seed', 1n << 64n, 'a bigint below 2^64, is 18446744073709551616n'],
    ['stop', [''], 'a non-empty string or an array of such'],
    ['stop', 5, 'a non-empty string or an array of such, is 5'],
    ['signal', {}, 'an AbortSignal, is a object'],
    ['routing', 1, 'true or false, is 1'],
    ['json', 'object', 'true or false, is "object"'],
    ['logprobs', -1, 'an integer from 0 to 1000, is -1'],
    ['priority', 0.5, 'an integer from -1000000 to 1000000, is 0.5'],
    ['deadlineSeconds', -1, 'a number from 0 to 1000000, is -1'],
    ['ignoreEos', 'yes', 'true or false, is "yes"'],
  ])('%s: %s is refused', (name, value, message) => {
    refused(() => generate('a', { [name]: value }), `${name} must be`);
    refused(() => generate('a', { [name]: value }), message);
  });

  it.each([['text'], [5], [null], [[]]])('cannot be given in %j', (options) => {
    refused(() => generate('a', options), 'generate options must be an object');
  });

  it('that is undefined counts as not given', async () => {
    const options = { maxTokens: 3, temperature: undefined, stop: undefined, signal: undefined, seed: undefined };

    expect((await model.generate('In the beginning', options).result).tokens).toHaveLength(3);
  });
});

describe('an option of loadModel', () => {
  it.each<[Record<string, unknown>, string]>([
    [{ thread: 2 }, 'unknown option thread; did you mean threads?'],
    [{ contextlength: 2 }, 'did you mean contextLength?'],
    [{ ctx: 2 }, 'unknown option ctx; known are threads, contextLength, '],
    [{ threads: 0 }, 'threads must be an integer from 1 to 1024, is 0'],
    [{ contextLength: 2.5 }, 'contextLength must be an integer'],
    [{ contextLength: 2049 }, "contextLength must be from 1 to the model's 2048, is 2049"],
    [{ batchTokens: 0 }, 'batchTokens must be an integer'],
    [{ maxSequences: 0 }, 'maxSequences must be an integer'],
    [{ sequencesPerStep: '4' }, 'sequencesPerStep must be an integer'],
    [{ scheduling: 'lifo' }, 'scheduling must be one of auto, fifo, regroup, is "lifo"'],
    [{ maxQueued: -1 }, 'maxQueued must be an integer'],
    [{ contextLength: 64, kvCacheTokens: 63 }, 'kvCacheTokens must be at least the contextLength, 64, is 63'],
    [{ kvType: 'q8' }, 'kvType must be one of auto, f16, f32, is "q8"'],
    [{ cpu: 'z80' }, 'z80'],
    [{ onProgress: true }, 'onProgress must be a function, is true'],
    [{ signal: 'now' }, 'signal must be an AbortSignal, is "now"'],
  ])('%j is refused', async (options, message) => {
    const loading = loadModel(demoModel, options as LoadModelOptions);

    await expect(loading).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(loading).rejects.toThrow(message);
  });

  it.each([[undefined], [''], [5], [[5]], [{ path: 'x' }]])('path %j is refused', async (path) => {
    await expect(loadModel(path as string)).rejects.toThrow('path must be a non-empty string or an array of such');
    await expect(inspectModel(path as string)).rejects.toBeInstanceOf(InvalidArgumentError);
  });

  it('the list of paths must not be empty', async () => {
    await expect(loadModel([])).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

describe('evaluate', () => {
  it('gives the rows from an index on, and the routing of all tokens', async () => {
    const tokens = [5, 6, 7, 8, 9];
    const all = await model.evaluate(tokens);
    const some = await model.evaluate(tokens, { from: 3 });

    expect(some.logits).toEqual(all.logits.subarray(3 * all.vocabulary));
    expect(some.routing).toEqual(all.routing);
    expect(all.logits.length).toBe(5 * 4096);
    expect(all.routing).toMatchObject({ tokens: 5, layers: 8, k: 4 });
    expect(all.routing.experts.length).toBe(5 * 8 * 4);
  });

  it.each([0, 1, 2, 3, 4])('gives the same rows from index %i on when the tokens are read in pieces', async (from) => {
    const tokens = [5, 6, 7, 8, 9];
    const inPieces = await loadModel(demoModel, { threads: 1, contextLength: 32, batchTokens: 2 });
    const { logits } = await inPieces.evaluate(tokens, { from });
    await inPieces.dispose();

    expect(firstDifference(logits, (await model.evaluate(tokens, { from })).logits)).toBeUndefined();
  });

  it.each([[5], [-1], [0.5]])('refuses to begin at index %s of five', async (from) => {
    await expect(model.evaluate([1, 2, 3, 4, 5], { from })).rejects.toThrow('from must be an integer from 0 to 4');
  });

  it('refuses options that it does not know', async () => {
    await expect(model.evaluate([1], { form: 1 } as object)).rejects.toThrow('did you mean from?');
  });
});
