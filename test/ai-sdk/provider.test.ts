import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AISDKError, NoSuchModelError } from '@ai-sdk/provider';
import { createProviderRegistry, customProvider, embed, generateText, wrapLanguageModel } from 'ai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createMoeflow, type MoeflowProviderSettings } from '../../lib/ai-sdk/index.js';
import { DisposedError, InvalidArgumentError } from '../../lib/index.js';
import { demoModel } from '../support/fixtures.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { speaker } from './support.js';

const small = { threads: 1, predictor: 'none' } as const;

/** A provider that is disposed of when the test is over. */
function provider(settings: MoeflowProviderSettings) {
  const moeflow = createMoeflow(settings);
  onTestFinished(() => moeflow.dispose());
  return moeflow;
}

describe('models by their ids', () => {
  it('are told apart', async () => {
    const [one, two] = [await speaker('one'), await speaker('two')];
    const moeflow = createMoeflow({ models: { one: one.model, two: two.model } });
    const say = async (id: string) => (await generateText({ model: moeflow(id), prompt: 'x' })).text;

    expect([await say('two'), await say('one')]).toEqual(['two', 'one']);
  });

  it('that are unknown are an error that names those that are known', async () => {
    const { model } = await speaker('x');
    const moeflow = createMoeflow({ models: { olmoe: model, qwen: model } });

    for (const ask of [moeflow, moeflow.languageModel, moeflow.completionModel]) {
      expect(() => ask('olmo')).toThrow(NoSuchModelError);
      expect(() => ask('olmo')).toThrow(/olmo: .*olmoe, qwen/);
    }
    await expect(moeflow.load('olmo')).rejects.toBeInstanceOf(NoSuchModelError);
  });

  it('are any where there is one model only', async () => {
    const { moeflow } = await speaker('me');

    for (const id of ['a', 'b']) expect((await generateText({ model: moeflow(id), prompt: 'x' })).text).toBe('me');
    expect(moeflow('a').modelId).toBe('a');
  });

  it('are of language models only', async () => {
    const { moeflow } = await speaker('x');

    expect(() => moeflow.embeddingModel('olmoe')).toThrow(NoSuchModelError);
    expect(() => moeflow.textEmbeddingModel?.('olmoe')).toThrow(NoSuchModelError);
    expect(() => moeflow.imageModel('olmoe')).toThrow(NoSuchModelError);
    const registry = createProviderRegistry({ moeflow });
    await expect(async () => embed({ model: registry.embeddingModel('moeflow:olmoe'), value: 'x' })).rejects.toThrow();
  });
});

describe('with the rest of the SDK', () => {
  it('the provider fits into a registry', async () => {
    const { moeflow } = await speaker('registered');
    const registry = createProviderRegistry({ moeflow });

    expect((await generateText({ model: registry.languageModel('moeflow:olmoe'), prompt: 'x' })).text).toBe(
      'registered',
    );
  });

  it('the provider and its models fit into a custom one', async () => {
    const { moeflow } = await speaker('custom');
    const custom = customProvider({ languageModels: { fast: moeflow('small') }, fallbackProvider: moeflow });

    for (const id of ['fast', 'olmoe']) {
      expect((await generateText({ model: custom.languageModel(id), prompt: 'x' })).text).toBe('custom');
    }
  });

  it('its models take middleware', async () => {
    const { moeflow } = await speaker('a b c');
    const model = wrapLanguageModel({
      model: moeflow('olmoe'),
      middleware: {
        specificationVersion: 'v3',
        transformParams: async ({ params }) => ({ ...params, maxOutputTokens: 1 }),
      },
    });

    expect((await generateText({ model, prompt: 'x' })).text).toBe('a');
  });
});

describe('settings that are wrong', () => {
  it.each([
    ['nothing', undefined, /either model, a path, or models/],
    ['both', { model: 'a.gguf', models: { b: 'b.gguf' } }, /either model, a path, or models/],
    ['no models', { models: {} }, /models must be an object/],
    ['a path of another type', { model: 5 }, /model must be a path/],
    ['a model without path', { models: { a: { ram: '6GiB' } } }, /models\.a must be a path/],
    ['an option of a loaded model', { model: { generate() {} }, ram: '6GiB' }, /ram has no effect on a model/],
    ['a misspelt option', { model: 'a.gguf', tthreads: 2 }, /did you mean threads\?/],
    ['a misspelt option of one', { models: { a: { path: 'a.gguf', ramm: 2 } } }, /models\.a: .*did you mean ram\?/],
  ])('are an error at once: %s', (_, settings, message) => {
    const create = () => createMoeflow(settings as MoeflowProviderSettings);
    expect(create).toThrow(InvalidArgumentError);
    expect(create).toThrow(message);
  });
});

describe('loading', () => {
  it('happens at the first use, once for all who wait', async () => {
    let loads = 0;
    const onProgress = ({ loadedBytes, totalBytes }: { loadedBytes: number; totalBytes: number }) => {
      if (loadedBytes === totalBytes) loads++;
    };
    const moeflow = provider({ model: demoModel, ...small, onProgress });
    const model = moeflow('demo');
    expect(loads).toBe(0);

    const [first, second] = await Promise.all([moeflow.load('demo'), moeflow.load('another name')]);
    await model.doGenerate({ prompt: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }], maxOutputTokens: 1 });

    expect(first).toBe(second);
    expect(loads).toBe(1);
    expect(first.info.experts).toBe(32);
  });

  it('takes the common options, and those of the model before them', async () => {
    const moeflow = provider({
      models: { common: demoModel, own: { path: demoModel, contextLength: 64 } },
      ...small,
      contextLength: 32,
    });

    const lengths = [(await moeflow.load('common')).info.contextLength, (await moeflow.load('own')).info.contextLength];

    expect(lengths).toEqual([32, 64]);
  });

  it('that fails is an error for those who wait, and is tried again by the next', async () => {
    const path = join(temporaryDirectory(), 'model.gguf');
    const moeflow = provider({ model: path, ...small });
    const call = { model: moeflow('demo'), prompt: 'x', maxOutputTokens: 1 };

    const missing = await generateText(call).catch((error) => error);
    await writeFile(path, 'no model at all');
    const damaged = await generateText(call).catch((error) => error);
    await copyFile(demoModel, path);

    for (const error of [missing, damaged]) {
      expect(AISDKError.isInstance(error)).toBe(true);
      expect(error.message).toMatch(/^the model cannot be loaded: .*model\.gguf/);
    }
    expect([missing.cause.code, damaged.cause.code]).toEqual(['IO', 'INVALID_FILE']);
    expect((await generateText(call)).usage.outputTokens).toBe(1);
  });

  it('goes on for others when a call that waits for it is aborted', async () => {
    const moeflow = provider({ model: demoModel, ...small });
    const controller = new AbortController();
    const call = { model: moeflow('demo'), prompt: 'x', maxOutputTokens: 1 };
    const aborted = generateText({ ...call, abortSignal: controller.signal });
    const other = generateText(call);
    await new Promise(setImmediate);

    controller.abort();

    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect((await other).usage.outputTokens).toBe(1);
  });
});

describe('disposing of the provider', () => {
  it('ends generations, gives back the models, and refuses later calls', async () => {
    const moeflow = provider({ model: demoModel, ...small });
    const model = await moeflow.load('demo');
    const call = { model: moeflow('demo'), prompt: 'x' };
    const calling = generateText({ ...call, maxOutputTokens: 2000, temperature: 1, seed: 1 }).catch((error) => error);
    await new Promise(setImmediate);

    await Promise.all([moeflow.dispose(), moeflow[Symbol.asyncDispose]()]);

    expect((await calling).cause).toBeInstanceOf(DisposedError);
    expect(() => model.generate('x')).toThrow(DisposedError);
    const later = await generateText(call).catch((error) => error);
    expect(AISDKError.isInstance(later)).toBe(true);
    expect(later.message).toMatch(/provider was disposed of/);
  });

  it('ends a load under way', async () => {
    const moeflow = provider({ model: demoModel, ...small });
    const loading = moeflow.load('demo').catch((error) => error);

    await moeflow.dispose();

    expect((await loading).cause).toBeInstanceOf(DisposedError);
  });

  it('loads nothing, and leaves models that came loaded', async () => {
    const { model, engine } = await speaker('still here');
    const moeflow = createMoeflow({ models: { loaded: model, never: 'missing.gguf' } });
    await moeflow.load('loaded');

    await moeflow.dispose();

    expect(engine.disposed).toBe(false);
    expect((await model.generate('x').result).text).toBe('still here');
  });
});
