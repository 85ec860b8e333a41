import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { modelName, question, serveText } from './serving.js';

/** All that a stream's first choice says, by the way that its documentation shows. */
async function contentOf(stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  return text;
}

describe('a chat by the OpenAI client', () => {
  it('is answered with text, the reason of its end, and the tokens that it took', async () => {
    const { client, model } = await serveText('Because.');

    const answer = await client.chat.completions.create(question);

    expect(answer).toMatchObject({ object: 'chat.completion', model: modelName });
    expect(answer.id).toMatch(/^chatcmpl-\w+$/);
    expect(Math.abs(answer.created - Date.now() / 1000)).toBeLessThan(60);
    expect(answer.choices).toMatchObject([
      { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Because.' } },
    ]);
    const prompt = model.applyChatTemplate(question.messages).length;
    expect(answer.usage).toMatchObject({ prompt_tokens: prompt, completion_tokens: 8, total_tokens: prompt + 8 });
  });

  it('comes as a stream, piece by piece, the role first and the reason of its end last', async () => {
    const { client } = await serveText('Because.');
    const chunks: OpenAI.ChatCompletionChunk[] = [];

    for await (const chunk of await client.chat.completions.create({ ...question, stream: true })) chunks.push(chunk);

    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.every(({ object, usage }) => object === 'chat.completion.chunk' && !usage)).toBe(true);
    expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant', content: '' });
    expect(chunks.slice(1, -1).map(({ choices }) => choices[0]?.delta.content)).toEqual([...'Because.']);
    expect(chunks.at(-1)?.choices).toMatchObject([{ index: 0, delta: {}, finish_reason: 'stop' }]);
  });

  it('comes as a stream with its tokens at the end, where they are asked for', async () => {
    const { client, model } = await serveText('Because.');
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    const asked = { ...question, stream: true, stream_options: { include_usage: true } } as const;

    for await (const chunk of await client.chat.completions.create(asked)) chunks.push(chunk);

    const prompt_tokens = model.applyChatTemplate(question.messages).length;
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens, completion_tokens: 8 } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  it('works with the helper that puts a stream together', async () => {
    const { client } = await serveText('Because.');
    const final = await client.chat.completions.stream(question).finalChatCompletion();
    expect(final.choices[0]?.message.content).toBe('Because.');
  });

  it('never cuts a character, though its bytes come one by one', async () => {
    const text = 'naïve 日本 👩‍🚀!';
    const { client } = await serveText(text);
    const stream = await client.chat.completions.create({ ...question, stream: true });
    expect(await contentOf(stream)).toBe(text);
  });

  it('ends at max_completion_tokens, as at max_tokens before', async () => {
    const { client } = await serveText('Because.');
    for (const limit of [{ max_tokens: 3 }, { max_completion_tokens: 3 }]) {
      const answer = await client.chat.completions.create({ ...question, ...limit });
      expect(answer.choices).toMatchObject([{ finish_reason: 'length', message: { content: 'Bec' } }]);
      expect(answer.usage?.completion_tokens).toBe(3);
    }
  });

  it.each<[string, string | string[]]>([
    ['a string', 'cause'],
    ['the first of several', ['xyz', 'use', 'cause']],
  ])('ends before %s to stop at, of which nothing shows in a stream either', async (_, stop) => {
    const { client } = await serveText('Because of this.');
    const whole = await client.chat.completions.create({ ...question, stop });
    expect(whole.choices).toMatchObject([{ finish_reason: 'stop', message: { content: 'Be' } }]);
    expect(await contentOf(await client.chat.completions.create({ ...question, stop, stream: true }))).toBe('Be');
  });

  it('has as many choices as are asked for, each with the next seed, and a prompt that counts once', async () => {
    const { client, engine, model } = await serveText('Because.');

    const answer = await client.chat.completions.create({ ...question, n: 3, seed: 41, temperature: 0.5 });

    expect(answer.choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, 'Because.'],
      [1, 'Because.'],
      [2, 'Because.'],
    ]);
    expect(engine.samplings.map(({ seed }) => seed)).toEqual([41n, 42n, 43n]);
    const prompt_tokens = model.applyChatTemplate(question.messages).length;
    expect(answer.usage).toMatchObject({ prompt_tokens, completion_tokens: 24 });
  });

  it('has several choices in one stream too', async () => {
    const { client } = await serveText('Because.');
    const texts = ['', '', ''];
    const ends: (string | null)[] = [];
    for await (const { choices } of await client.chat.completions.create({ ...question, n: 3, stream: true })) {
      for (const { index, delta, finish_reason } of choices) {
        texts[index] += delta.content ?? '';
        if (finish_reason) ends[index] = finish_reason;
      }
    }
    expect(texts).toEqual(['Because.', 'Because.', 'Because.']);
    expect(ends).toEqual(['stop', 'stop', 'stop']);
  });

  it('draws tokens as it is told, and as the OpenAI API does where it is told nothing', async () => {
    const { client, engine } = await serveText('!');
    await client.chat.completions.create(question);
    const more = { top_k: 40, min_p: 0.05, repeat_penalty: 1.1, priority: 2, deadline_seconds: 60 };
    await client.chat.completions.create({ ...question, temperature: 0.5, top_p: 0.9, seed: -1, ...more } as never);
    expect(engine.samplings[0]).toMatchObject({ temperature: 1 });
    expect(engine.samplings[1]).toEqual({
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      minP: 0.05,
      repeatPenalty: 1.1,
      // Two's complement, as the API's seeds are signed 64-bit integers.
      seed: 2n ** 64n - 1n,
    });
  });

  it('tells the seed that was drawn where none was given', async () => {
    const { client, engine } = await serveText('!');
    const { choices } = await client.chat.completions.create(question);
    expect(choices).toMatchObject([{ seed: engine.samplings[0]?.seed }]);
  });

  it('has a text in parts, which are one text', async () => {
    const { client, model } = await serveText('!');
    const parts = [
      { type: 'text' as const, text: 'Why' },
      { type: 'text' as const, text: 'not?' },
    ];
    const answer = await client.chat.completions.create({ ...question, messages: [{ role: 'user', content: parts }] });
    const whole = model.applyChatTemplate([{ role: 'user', content: 'Why\nnot?' }]);
    expect(answer.usage?.prompt_tokens).toBe(whole.length);
  });

  it("takes a developer's message as the system's", async () => {
    const { client, model } = await serveText('!');
    const ask = (role: 'developer' | 'system') => [{ role, content: 'Be brief.' }, ...question.messages];
    const answer = await client.chat.completions.create({ ...question, messages: ask('developer') });
    expect(answer.usage?.prompt_tokens).toBe(model.applyChatTemplate(ask('system')).length);
  });

  it('may have what clients send along and what asks for nothing', async () => {
    const { client } = await serveText('Because.');
    const answer = await client.chat.completions.create({
      ...question,
      user: 'me',
      metadata: { a: 'b' },
      store: false,
      service_tier: 'auto',
      frequency_penalty: 0,
      presence_penalty: 0,
      logit_bias: {},
      tools: [],
      tool_choice: 'none',
      response_format: { type: 'text' },
      logprobs: false,
      stop: null,
      seed: null,
      n: null,
    });
    expect(answer.choices[0]?.message.content).toBe('Because.');
  });

  it('needs no model in its body, as there is one only', async () => {
    const { client } = await serveText('Because.');
    const answer = await client.chat.completions.create({ messages: question.messages } as never);
    expect((answer as OpenAI.ChatCompletion).model).toBe(modelName);
  });
});

describe('a chat that asks for what this server does not do', () => {
  it.each<[string, object]>([
    ['frequency_penalty', { frequency_penalty: 0.5 }],
    ['presence_penalty', { presence_penalty: -1 }],
    ['logit_bias', { logit_bias: { 42: -100 } }],
    ['tools', { tools: [{ type: 'function', function: { name: 'f' } }] }],
    ['tool_choice', { tool_choice: 'required' }],
    ['functions', { functions: [{ name: 'f' }] }],
    ['modalities', { modalities: ['text', 'audio'] }],
    ['response_format', { response_format: { type: 'json_schema', json_schema: { name: 'a', schema: {} } } }],
    ['reasoning_effort', { reasoning_effort: 'high' }],
  ])('%s is refused by name', async (param, asked) => {
    const { client } = await serveText('!');
    const error = await client.chat.completions.create({ ...question, ...asked } as never).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, param, code: 'unsupported', type: 'invalid_request_error' });
    expect(error.message).toMatch(new RegExp(`${param}.* not supported`));
  });
});

describe('a chat that is wrong', () => {
  it.each<[string, object, string, string | RegExp]>([
    ['no messages', { messages: undefined }, 'messages', 'must be an array'],
    ['an empty conversation', { messages: [] }, 'messages', 'must have at least one message'],
    ['a message that is none', { messages: ['Hello'] }, 'messages[0]', 'is "Hello"'],
    ['an unknown role', { messages: [{ role: 'robot', content: '' }] }, 'messages[0].role', 'must be one of system'],
    ['no content', { messages: [{ role: 'user' }] }, 'messages', 'messages[0].content must be a string'],
    [
      'an image',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }] },
      'messages[0].content[0].type',
      'must be "text": this server takes text only, is "image_url"',
    ],
    ['a number as text', { temperature: '0.5' }, 'temperature', 'must be a number from 0 to 2, is "0.5"'],
    ['a number too large', { temperature: 3 }, 'temperature', 'must be a number from 0 to 2, is 3'],
    ['half a token', { max_tokens: 1.5 }, 'max_tokens', 'must be an integer of at least 1, is 1.5'],
    ['no tokens', { max_completion_tokens: 0 }, 'max_completion_tokens', 'an integer of at least 1, is 0'],
    ['two limits', { max_tokens: 3, max_completion_tokens: 4 }, 'max_tokens', 'give one of them'],
    ['too many choices', { n: 1000 }, 'n', 'must be an integer from 1 to 128, is 1000'],
    ['no choice', { n: 0 }, 'n', 'must be an integer from 1 to 128, is 0'],
    ['an empty string to stop at', { stop: '' }, 'stop', 'must be a non-empty string'],
    ['no text to stop at', { stop: [1] }, 'stop', 'must be a non-empty string'],
    ['half a character to stop at', { stop: ['a', '\ud83d'] }, 'stop', 'must be of whole characters'],
    ['no truth', { stream: 'yes' }, 'stream', 'must be true or false, is "yes"'],
    ['options for no stream', { stream_options: { include_usage: true } }, 'stream_options', 'set stream to true'],
    ['likely tokens without probabilities', { top_logprobs: 5 }, 'top_logprobs', 'needs logprobs: set it to true'],
    ['too many likely tokens', { logprobs: true, top_logprobs: 21 }, 'top_logprobs', 'an integer from 0 to 20, is 21'],
    ['an unknown format', { response_format: { type: 'xml' } }, 'response_format.type', 'must be one of text'],
    ['a misspelt name', { temprature: 1 }, 'temprature', 'unknown parameter temprature; did you mean temperature?'],
  ])('by %s gets an error that says where and why', async (_, asked, param, message) => {
    const { client } = await serveText('!');
    const error = await client.chat.completions.create({ ...question, ...asked } as never).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ param, type: 'invalid_request_error' });
    expect(error.message).toContain(message);
  });
});
