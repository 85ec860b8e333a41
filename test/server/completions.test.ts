import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { modelName, serveScript, serveText } from './serving.js';

const asked = { model: modelName, prompt: 'In the beginning' };

describe('a completion by the OpenAI client', () => {
  it('is the text after the prompt, and the tokens that it took', async () => {
    const { client, model } = await serveText(' there was.');
    const answer = await client.completions.create(asked);
    expect(answer).toMatchObject({ object: 'text_completion', model: modelName });
    expect(answer.choices).toMatchObject([{ index: 0, text: ' there was.', finish_reason: 'stop' }]);
    const prompt_tokens = model.tokenize(asked.prompt).length;
    expect(answer.usage).toMatchObject({ prompt_tokens, completion_tokens: 11, total_tokens: prompt_tokens + 11 });
  });

  it('has 16 tokens unless more are asked for, as the OpenAI API has it', async () => {
    const { client } = await serveText('a'.repeat(100));
    const short = await client.completions.create(asked);
    expect(short.choices).toMatchObject([{ text: 'a'.repeat(16), finish_reason: 'length' }]);
    const long = await client.completions.create({ ...asked, max_tokens: 40 });
    expect(long.choices).toMatchObject([{ text: 'a'.repeat(40), finish_reason: 'length' }]);
  });

  it('comes as a stream', async () => {
    const { client } = await serveText(' there was.');
    const texts: string[] = [];
    const reasons: unknown[] = [];
    for await (const { object, choices } of await client.completions.create({ ...asked, stream: true })) {
      expect(object).toBe('text_completion');
      texts.push(choices[0]?.text ?? '');
      reasons.push(choices[0]?.finish_reason);
    }
    expect(texts.join('')).toBe(' there was.');
    expect(reasons.slice(0, -1).every((reason) => reason === null)).toBe(true);
    expect(reasons.at(-1)).toBe('stop');
  });

  it('takes token ids for a prompt', async () => {
    const { client } = await serveText('!');
    const answer = await client.completions.create({ ...asked, prompt: [1, 2, 3] });
    expect(answer.usage?.prompt_tokens).toBe(3);
  });

  it('is refused at once where the vocabulary is of a kind that there is no text of', async () => {
    const { client, model, engine } = await serveScript({ token: () => 0 });
    (model.metadata as Record<string, unknown>)['tokenizer.ggml.model'] = 'bert';
    const error = await client.completions.create({ ...asked, prompt: [1, 2, 3] }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, code: 'unsupported', param: 'prompt' });
    expect(error.message).toContain('"bert", which is not supported');
    expect(engine.steps).toEqual([]);
  });

  it('takes several prompts, of which each has its choices one after another', async () => {
    const { client, engine } = await serveText('!', {
      // Says how many tokens it was given.
      token: (generated, _, tokens) => (generated === 0 ? tokens.length : 4093),
    });
    const answer = await client.completions.create({ ...asked, prompt: [[7], [7, 8, 9]], n: 2, seed: 5 });
    const lengths = answer.choices.map(({ text }) => text);
    expect(answer.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(lengths[0]).toBe(lengths[1]);
    expect(lengths[2]).toBe(lengths[3]);
    expect(lengths[0]).not.toBe(lengths[2]);
    expect(answer.usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 4 });
    expect(engine.samplings.map(({ seed }) => seed)).toEqual([5n, 6n, 5n, 6n]);
  });

  it.each<[string, object, string, string]>([
    ['no prompt', { prompt: undefined }, 'prompt', 'must be a string'],
    ['an empty prompt', { prompt: '' }, 'prompt', 'the prompt is empty'],
    ['a token that there is not', { prompt: [4096] }, 'prompt', 'ids are integers from 0 to 4095'],
    ['texts and tokens mixed', { prompt: ['a', 1] }, 'prompt', 'must be a string, an array of token ids'],
    ['its prompt again', { echo: true }, 'echo', 'echo is not supported'],
    ['text before a text', { suffix: 'end' }, 'suffix', 'suffix is not supported'],
    ['the best of many', { best_of: 4 }, 'best_of', 'best_of is not supported'],
    ['too many likely tokens', { logprobs: 21 }, 'logprobs', 'must be an integer from 0 to 20, is 21'],
    ['messages', { messages: [] }, 'messages', 'unknown parameter messages'],
    ['too much at once', { prompt: new Array(65).fill('a'), n: 2 }, 'prompt', '128 choices are the most'],
  ])('with %s gets an error that says where and why', async (_, wrong, param, message) => {
    const { client } = await serveText('!');
    const error = await client.completions.create({ ...asked, ...wrong } as never).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ param });
    expect(error.message).toContain(message);
  });
});

describe('the list of models', () => {
  it('has the one that is served, under the name that it was given', async () => {
    const { client } = await serveText('!', {}, { modelName: 'me/my model' });
    const models = [];
    for await (const model of client.models.list()) models.push(model);
    expect(models).toMatchObject([{ id: 'me/my model', object: 'model', owned_by: 'moeflow' }]);
    expect(await client.models.retrieve('me/my model')).toEqual(models[0]);
    await expect(client.models.retrieve('another')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });
});
