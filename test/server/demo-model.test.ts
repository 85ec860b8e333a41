import { describe, expect, it } from 'vitest';
import type { ServerStatus } from '../../lib/server/status.js';
import { demoModel } from '../support/fixtures.js';
import { load, memoryBudget } from '../support/models.js';
import { modelName, question, serve } from './serving.js';

const drawn = { ...question, max_tokens: 12, temperature: 0.9, seed: 7 };

describe('a served model', () => {
  it('says what it says without a server, by chats and completions, at once or in a stream', async () => {
    const model = await load(demoModel);
    const { client } = await serve(model);
    const options = { maxTokens: 12, temperature: 0.9, seed: 7 };
    const chat = await model.generate(question.messages, options).result;
    const completion = await model.generate('In the beginning', options).result;

    const whole = await client.chat.completions.create(drawn);
    let streamed = '';
    for await (const { choices } of await client.chat.completions.create({ ...drawn, stream: true })) {
      streamed += choices[0]?.delta.content ?? '';
    }
    const { max_tokens, temperature, seed } = drawn;
    const text = await client.completions.create({
      model: modelName,
      prompt: 'In the beginning',
      max_tokens,
      temperature,
      seed,
    });

    expect(whole.choices[0]?.message.content).toBe(chat.text);
    expect(streamed).toBe(chat.text);
    expect(text.choices[0]?.text).toBe(completion.text);
    expect(whole.usage).toMatchObject({
      prompt_tokens: chat.stats.promptTokens,
      completion_tokens: chat.tokens.length,
    });
  });

  it('gives each of several choices the text that it has alone with its seed', async () => {
    const { client } = await serve(await load(demoModel));
    const { choices } = await client.chat.completions.create({ ...drawn, n: 3 });
    for (const { index, message } of choices) {
      const alone = await client.chat.completions.create({ ...drawn, seed: 7 + index });
      expect(message.content).toBe(alone.choices[0]?.message.content);
    }
    expect(new Set(choices.map(({ message }) => message.content)).size).toBeGreaterThan(1);
  });

  it('tells how likely the tokens of a chat were, at once and in a stream', async () => {
    const model = await load(demoModel);
    const { client } = await serve(model);
    const asked = { ...drawn, logprobs: true, top_logprobs: 3 };
    const { result } = model.generate(question.messages, { maxTokens: 12, temperature: 0.9, seed: 7, logprobs: 3 });
    const { text, logprobs = [] } = await result;

    const whole = (await client.chat.completions.create(asked)).choices[0]?.logprobs?.content ?? [];
    const streamed: unknown[] = [];
    for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true })) {
      streamed.push(...(choices[0]?.logprobs?.content ?? []));
    }

    expect(Buffer.from(whole.flatMap(({ bytes }) => bytes ?? [])).toString()).toBe(text);
    expect(whole.map(({ logprob }) => logprob)).toEqual(logprobs.map(({ logprob }) => logprob));
    expect(whole.map(({ top_logprobs }) => top_logprobs.map(({ logprob }) => logprob))).toEqual(
      logprobs.map(({ top }) => top.map(({ logprob }) => logprob)),
    );
    expect(streamed).toEqual(whole);
  });

  it('tells the same of a completion, and where each token begins', async () => {
    const { client } = await serve(await load(demoModel));
    const asked = { model: modelName, prompt: 'In the beginning', max_tokens: 12, seed: 7, logprobs: 2 };
    const { text, logprobs } = (await client.completions.create(asked)).choices[0] ?? {};
    const streamed: unknown[] = [];
    for await (const { choices } of await client.completions.create({ ...asked, stream: true })) {
      streamed.push(...(choices[0]?.logprobs?.text_offset ?? []));
    }
    const { tokens = [], token_logprobs = [], top_logprobs = [], text_offset = [] } = logprobs ?? {};
    expect(tokens.join('')).toBe(text);
    tokens.forEach((token, i) => {
      expect(text?.slice(text_offset[i]).startsWith(token)).toBe(true);
      expect(top_logprobs[i]?.[token]).toBe(token_logprobs[i]);
      expect(Math.max(...Object.values(top_logprobs[i] ?? {}))).toBeLessThanOrEqual(0);
    });
    expect(streamed).toEqual(text_offset);
  });

  it('says JSON where it is asked to', async () => {
    const { client } = await serve(await load(demoModel));
    const { choices } = await client.chat.completions.create({
      ...question,
      response_format: { type: 'json_object' },
      n: 8,
      seed: 1,
      max_tokens: 300,
    });
    const complete = choices.filter(({ finish_reason }) => finish_reason === 'stop');
    expect(complete.length).toBeGreaterThan(0);
    for (const { message } of complete) expect(JSON.parse(message.content ?? '')).toBeTypeOf('object');
  });

  it('is counted: every use of an expert, and bytes that were read in a small memory', async () => {
    const ram = await memoryBudget(4);
    const model = await load(demoModel, { ram });
    const { client, url } = await serve(model);
    const { usage } = await client.chat.completions.create(drawn);
    const text = await (await fetch(`${url}/metrics`)).text();
    const value = (name: string) =>
      Number(new RegExp(`^moeflow_expert_${name}{tier="memory"} (.+)$`, 'm').exec(text)?.[1]);
    const { experts } = model.stats();
    expect(value('misses_total')).toBeGreaterThan(0);
    expect(value('hits_total') + value('late_hits_total') + value('misses_total')).toBe(
      experts.hits + experts.lateHits + experts.misses,
    );
    expect(value('read_bytes_total')).toBe(experts.bytesRead);
    const status = (await (await fetch(`${url}/status.json`)).json()) as ServerStatus;
    expect(status.stats.experts.misses).toBe(experts.misses);
    expect(status.looks[0]?.layers).toHaveLength(8);
    const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
    // Each token uses 4 experts in each of 8 layers, but the last one that was generated, which no step has read.
    expect(sum(status.experts.uses)).toBe(4 * 8 * ((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0) - 1));
    expect(sum(status.experts.inMemory)).toBeGreaterThan(0);
    expect(sum(status.experts.inMemory)).toBeLessThanOrEqual(experts.slots);
  });
});
