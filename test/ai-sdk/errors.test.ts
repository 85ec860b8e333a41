import { AISDKError, APICallError, InvalidPromptError } from '@ai-sdk/provider';
import { generateText, RetryError, streamText } from 'ai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ContextFullError, DisposedError, QueueFullError } from '../../lib/index.js';
import { turnsOfEventLoop } from '../support/scripted-engine.js';
import { speaker } from './support.js';

const prompt = 'Why?';

describe('a full queue', () => {
  // The SDK waits seconds before it tries again; steps of the engine go by the turns of the event loop instead.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  /** One call is under way, and one waits; they go on when `open` is called. */
  async function full() {
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    const speaking = await speaker('ok', {
      limits: { maxSequences: 1, maxQueued: 1 },
      beforeStepEnds: () => opened,
    });
    const model = speaking.moeflow('olmoe');
    const others: Promise<{ text: string }>[] = [];
    for (let i = 0; i < 2; i++) {
      others.push(generateText({ model, prompt }));
      await turnsOfEventLoop(10);
    }
    return { model, others, open };
  }

  it('is tried again after a while, and then works', async () => {
    const { model, others, open } = await full();
    const late = generateText({ model, prompt });
    const streamed = streamText({ model, prompt });
    const streaming = streamed.consumeStream();
    await turnsOfEventLoop(10);
    expect(vi.getTimerCount()).toBe(2); // the pauses before the second attempts

    open();
    await Promise.all(others);
    await vi.advanceTimersByTimeAsync(60_000);

    expect((await late).text).toBe('ok');
    await streaming;
    expect(await streamed.text).toBe('ok');
  });

  it('is an error that says so when it stays full', async () => {
    const { model, others, open } = await full();

    const failed = await generateText({ model, prompt, maxRetries: 0 }).catch((error) => error);
    const retried = generateText({ model, prompt, maxRetries: 1 }).catch((error) => error);
    await turnsOfEventLoop(10);
    await vi.advanceTimersByTimeAsync(60_000);

    expect(APICallError.isInstance(failed)).toBe(true);
    expect(failed).toMatchObject({ isRetryable: true, statusCode: 429, message: expect.stringContaining('maxQueued') });
    expect(failed.cause).toBeInstanceOf(QueueFullError);
    expect(RetryError.isInstance(await retried)).toBe(true);
    open();
    await Promise.all(others);
  });
});

describe('a prompt that cannot be read', () => {
  it('is too long for the context', async () => {
    const { moeflow } = await speaker('ok', { contextLength: 8 });

    const error = await generateText({ model: moeflow('olmoe'), prompt: 'far too many words' }).catch((e) => e);

    expect(InvalidPromptError.isInstance(error)).toBe(true);
    expect(error.message).toMatch(/the context 8; shorten it or load with a larger contextLength/);
    expect(error.cause).toBeInstanceOf(ContextFullError);
  });

  it('is refused by the chat template', async () => {
    const { moeflow, model } = await speaker('ok');
    const refusal = "{{ raise_exception('roles must alternate') }}";
    Object.assign(model.metadata, { 'tokenizer.chat_template': refusal });

    const error = await generateText({ model: moeflow('olmoe'), prompt }).catch((e) => e);

    expect(InvalidPromptError.isInstance(error)).toBe(true);
    expect(error.message).toMatch(/roles must alternate/);
  });

  it('has a chat template that is none, and the error says what works without one', async () => {
    const { moeflow, model } = await speaker('ok');
    Object.assign(model.metadata, { 'tokenizer.chat_template': 5 });

    await expect(generateText({ model: moeflow('olmoe'), prompt })).rejects.toThrow(/completionModel/);
    expect((await generateText({ model: moeflow.completionModel('olmoe'), prompt })).text).toBe('ok');
  });

  it('is empty', async () => {
    const { moeflow } = await speaker('ok');

    const error = await generateText({ model: moeflow.completionModel('olmoe'), prompt: '' }).catch((e) => e);

    expect(InvalidPromptError.isInstance(error)).toBe(true);
  });
});

describe('a failure of the engine', () => {
  it('is an error of the SDK that keeps its cause, and is not tried again', async () => {
    let steps = 0;
    const { moeflow } = await speaker('ok', {
      beforeStepEnds: () => {
        steps++;
        return Promise.reject(Object.assign(new Error('cannot read model.gguf'), { code: 'IO' }));
      },
    });

    const error = await generateText({ model: moeflow('olmoe'), prompt }).catch((e) => e);

    expect(AISDKError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ message: 'cannot read model.gguf', cause: { code: 'IO' } });
    expect(steps).toBe(1);
  });

  it('is what a call gets whose model is disposed of', async () => {
    const { moeflow, model } = await speaker('!', { endlessly: true, beforeStepEnds: () => turnsOfEventLoop(1) });
    const calling = generateText({ model: moeflow('olmoe'), prompt }).catch((e) => e);
    await turnsOfEventLoop(20);

    await model.dispose();

    expect((await calling).cause).toBeInstanceOf(DisposedError);
    const later = await generateText({ model: moeflow('olmoe'), prompt }).catch((e) => e);
    expect(AISDKError.isInstance(later)).toBe(true);
    expect(later.cause).toBeInstanceOf(DisposedError);
  });
});
