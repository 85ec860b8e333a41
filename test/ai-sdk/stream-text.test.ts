import type { LanguageModelV3CallOptions, LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { streamText } from 'ai';
import { describe, expect, it } from 'vitest';
import { turnsOfEventLoop } from '../support/scripted-engine.js';
import { speaker } from './support.js';

/** Says "!" for ever, at most one per turn of the event loop. */
const endless = { endlessly: true, beforeStepEnds: () => turnsOfEventLoop(1) };

const call: LanguageModelV3CallOptions = { prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }] };

async function all(stream: ReadableStream<LanguageModelV3StreamPart>): Promise<LanguageModelV3StreamPart[]> {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

describe('streamText', () => {
  it('streams the text, and tells the rest at the end', async () => {
    const { moeflow } = await speaker('In the beginning');

    const result = streamText({ model: moeflow('olmoe'), prompt: 'Begin' });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);

    expect(pieces.join('')).toBe('In the beginning');
    expect(pieces.length).toBeGreaterThan(1);
    expect(await result.text).toBe('In the beginning');
    expect([await result.finishReason, await result.rawFinishReason]).toEqual(['stop', 'stop']);
    expect((await result.usage).outputTokens).toBe('In the beginning'.length);
    expect((await result.response).modelId).toBe('olmoe');
    expect(await result.providerMetadata).toMatchObject({ moeflow: { expertHitRate: 1 } });
  });

  it('gives the text of generateText, whole characters at a time', async () => {
    const { moeflow } = await speaker('Grüße, 世界 🌍');

    const { stream } = await moeflow('olmoe').doStream(call);
    const deltas = (await all(stream)).flatMap((part) => (part.type === 'text-delta' ? [part.delta] : []));

    expect(deltas).toEqual([...'Grüße, 世界 🌍']);
  });
});

describe('the parts of a stream', () => {
  it('come in the order of the specification', async () => {
    const { moeflow } = await speaker('Hi');

    const { stream } = await moeflow('olmoe').doStream({ ...call, presencePenalty: 1 });

    const tokens = expect.any(Number);
    expect(await all(stream)).toEqual([
      {
        type: 'stream-start',
        warnings: [{ type: 'unsupported', feature: 'presencePenalty', details: expect.any(String) }],
      },
      {
        type: 'response-metadata',
        id: expect.stringMatching(/^moeflow-/),
        timestamp: expect.any(Date),
        modelId: 'olmoe',
      },
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta: 'H' },
      { type: 'text-delta', id: '0', delta: 'i' },
      { type: 'text-end', id: '0' },
      {
        type: 'finish',
        finishReason: { unified: 'stop', raw: 'stop' },
        usage: {
          inputTokens: { total: tokens, noCache: tokens, cacheRead: 0, cacheWrite: undefined },
          outputTokens: { total: 2, text: 2, reasoning: undefined },
        },
        providerMetadata: { moeflow: expect.objectContaining({ expertsTotal: 2 }) },
      },
    ]);
  });

  it('have no text block where there is no text', async () => {
    const { moeflow } = await speaker('');

    const { stream } = await moeflow('olmoe').doStream(call);

    expect((await all(stream)).map(({ type }) => type)).toEqual(['stream-start', 'response-metadata', 'finish']);
  });
});

describe('aborting', () => {
  it('in the middle ends the stream as the SDK wants it, and frees the sequence', async () => {
    const { moeflow, engine } = await speaker('!', endless);
    const controller = new AbortController();
    let aborts = 0;
    const result = streamText({
      model: moeflow('olmoe'),
      prompt: 'Go',
      abortSignal: controller.signal,
      onAbort: () => void aborts++,
    });

    const types: string[] = [];
    for await (const { type } of result.fullStream) {
      types.push(type);
      if (types.filter((t) => t === 'text-delta').length === 3) controller.abort();
    }

    expect(types.at(-1)).toBe('abort');
    expect(aborts).toBe(1);
    await turnsOfEventLoop(10);
    expect(engine.freed).toEqual([0]);
  });

  it('makes the provider’s stream fail with the reason', async () => {
    const { moeflow } = await speaker('!', endless);
    const controller = new AbortController();
    const { stream } = await moeflow('olmoe').doStream({ ...call, abortSignal: controller.signal });
    const reason = new Error('the user went away');

    const reading = all(stream);
    await turnsOfEventLoop(5);
    controller.abort(reason);

    await expect(reading).rejects.toBe(reason);
  });

  it('beforehand computes nothing', async () => {
    const { moeflow, engine } = await speaker('!', endless);
    const reason = new Error('too late');

    const aborted = { ...call, abortSignal: AbortSignal.abort(reason) };
    await expect(moeflow('olmoe').doStream(aborted)).rejects.toBe(reason);
    await expect(moeflow('olmoe').doGenerate(aborted)).rejects.toBe(reason);

    await turnsOfEventLoop(5);
    expect(engine.steps).toEqual([]);
  });
});

describe('a reader that leaves', () => {
  it('in the middle ends the work of the engine', async () => {
    const { moeflow, engine } = await speaker('!', endless);
    const { stream } = await moeflow('olmoe').doStream(call);

    for await (const { type } of stream) if (type === 'text-delta') break;

    await turnsOfEventLoop(10);
    expect(engine.freed).toEqual([0]);
  });

  it('while it waits for the first token ends it too', async () => {
    const { moeflow, engine } = await speaker('!', { beforeStepEnds: () => turnsOfEventLoop(20) });
    const { stream } = await moeflow('olmoe').doStream(call);
    const reader = stream.getReader();
    await reader.read();
    await reader.read();
    const waiting = reader.read();

    await reader.cancel();

    expect(await waiting).toEqual({ done: true, value: undefined });
    await turnsOfEventLoop(30);
    expect(engine.freed).toEqual([0]);
    expect(engine.cancelled).toEqual([0]);
  });
});

describe('a slow reader', () => {
  it.each(['has read a little', 'has read nothing'])('that %s holds the generation back', async (state) => {
    const { moeflow, engine } = await speaker('!', endless);
    const { stream } = await moeflow('olmoe').doStream({ ...call, maxOutputTokens: 500 });
    const reader = stream.getReader();
    for (let i = 0; state === 'has read a little' && i < 5; i++) await reader.read();

    await turnsOfEventLoop(400);
    const ahead = engine.steps.length;
    await turnsOfEventLoop(100);

    expect(ahead).toBeLessThan(100);
    expect(engine.steps.length).toBe(ahead);
    let tail: LanguageModelV3StreamPart | undefined;
    for (let next = await reader.read(); !next.done; next = await reader.read()) tail = next.value;
    expect(tail).toMatchObject({ type: 'finish', usage: { outputTokens: { total: 500 } } });
  });
});

describe('an engine that fails in the middle', () => {
  const failing = {
    endlessly: true,
    beforeStepEnds: (step: number) =>
      step === 2 ? Promise.reject(Object.assign(new Error('no memory'), { code: 'OUT_OF_MEMORY' })) : undefined,
  };

  it('is an error in the stream after the text so far', async () => {
    const { moeflow } = await speaker('!', failing);
    const { stream } = await moeflow('olmoe').doStream(call);

    const parts = await all(stream);

    expect(parts.slice(2)).toMatchObject([
      { type: 'text-start' },
      { type: 'text-delta', delta: '!' },
      { type: 'text-delta', delta: '!' },
      { type: 'error', error: { name: 'AI_MoeflowError', message: 'no memory', cause: { code: 'OUT_OF_MEMORY' } } },
      { type: 'finish', finishReason: { unified: 'error' } },
    ]);
  });

  it('is told to onError', async () => {
    const { moeflow } = await speaker('!', failing);
    const errors: unknown[] = [];
    const result = streamText({
      model: moeflow('olmoe'),
      prompt: 'Go',
      onError: ({ error }) => void errors.push(error),
    });

    await result.consumeStream();

    expect(errors).toMatchObject([{ name: 'AI_MoeflowError', message: 'no memory' }]);
    expect(await result.finishReason).toBe('error');
  });
});
