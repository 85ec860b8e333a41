import { getEventListeners } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoadProgress, loadModel, type Model } from '../../lib/index.js';
import { within } from '../support/deadline.js';
import { demoModel } from '../support/fixtures.js';
import { runScript } from '../support/processes.js';

const reason = new Error('the user went away');
const longPrompt = Int32Array.from({ length: 2000 }, (_, i) => (i * 31 + 7) % 4000);
const seconds = 10;

let model: Model;
beforeAll(async () => {
  // The slow reference kernels: a step over the whole long prompt takes three times as long as the deadline below.
  model = await loadModel(demoModel, { cpu: 'reference', threads: 1, batchTokens: 2048 });
});
afterAll(() => model.dispose());

async function expectUsable(): Promise<void> {
  // Five greedy tokens of models/demo/reference.json.
  const prompt = [4093, 1450, 583, 220];
  const { tokens } = await within(seconds, 'a short generation', model.generate(prompt, { maxTokens: 5 }).result);
  expect(tokens).toEqual([16, 15, 15, 15, 15]);
}

describe('an abort of a load', () => {
  it('before it begins rejects with the reason', async () => {
    await expect(loadModel(demoModel, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('at once after its beginning rejects with the reason', async () => {
    const controller = new AbortController();
    const loading = loadModel(demoModel, { signal: controller.signal });
    controller.abort(reason);

    await expect(within(seconds, 'the load', loading)).rejects.toBe(reason);
  });

  it('while weights are read rejects with the reason', async () => {
    const controller = new AbortController();
    const loading = loadModel(demoModel, { signal: controller.signal, onProgress: () => controller.abort(reason) });

    await expect(within(seconds, 'the load', loading)).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('with the last bytes rejects with the reason', async () => {
    const controller = new AbortController();
    const onProgress = ({ loadedBytes, totalBytes }: LoadProgress) => {
      if (loadedBytes === totalBytes) controller.abort(reason);
    };

    await expect(loadModel(demoModel, { signal: controller.signal, onProgress })).rejects.toBe(reason);
  });

  it('by an error of the progress listener rejects with that', async () => {
    const onProgress = () => {
      throw reason;
    };

    await expect(within(seconds, 'the load', loadModel(demoModel, { onProgress }))).rejects.toBe(reason);
  });

  it('that is over changes nothing', async () => {
    const controller = new AbortController();
    const loaded = await loadModel(demoModel, { signal: controller.signal, threads: 1 });
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    controller.abort(reason);

    expect((await loaded.generate([5], { maxTokens: 2, ignoreEos: true }).result).tokens).toHaveLength(2);
    await loaded.dispose();
  });
});

describe('an abort of a generation', () => {
  it('before it begins rejects with the reason, for result and reader', async () => {
    const generation = model.generate('a', { signal: AbortSignal.abort(reason) });

    await expect(generation.result).rejects.toBe(reason);
    await expect(generation[Symbol.asyncIterator]().next()).rejects.toBe(reason);
    await expectUsable();
  });

  it('while a long prompt is read rejects with the reason, and the next one begins', async () => {
    const controller = new AbortController();
    const generation = model.generate(longPrompt, { signal: controller.signal });
    await new Promise(setImmediate);

    controller.abort(reason);

    await expect(within(seconds, 'the abort', generation.result)).rejects.toBe(reason);
    await expectUsable();
  });

  it('while it generates ends the loop of the reader with the reason', async () => {
    const controller = new AbortController();
    const generation = model.generate([4093, 932], { signal: controller.signal, ignoreEos: true });
    let pieces = 0;

    const reading = (async () => {
      for await (const _ of generation) if (++pieces === 3) controller.abort(reason);
    })();

    await expect(within(seconds, 'the abort', reading)).rejects.toBe(reason);
    await expect(generation.result).rejects.toBe(reason);
    expect(pieces).toBe(3);
    await expectUsable();
  });

  it('with a reason that is no error rejects with just that', async () => {
    const controller = new AbortController();
    const generation = model.generate([5], { signal: controller.signal, ignoreEos: true });
    controller.abort(0);

    await expect(generation.result).rejects.toBe(0);
  });

  it('that is over changes nothing, and no listener stays behind', async () => {
    const controller = new AbortController();
    const { result } = model.generate([5], { signal: controller.signal, maxTokens: 1, ignoreEos: true });
    expect((await result).tokens).toHaveLength(1);
    await new Promise(setImmediate);

    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    controller.abort(reason);
    expect((await result).finishReason).toBe('length');
  });
});

describe('an abort of an evaluation', () => {
  it('before it begins, or in the middle, rejects with the reason', async () => {
    await expect(model.evaluate([1, 2], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const evaluating = model.evaluate(longPrompt, { from: 1999, signal: controller.signal });
    await new Promise(setImmediate);
    controller.abort(reason);

    await expect(within(seconds, 'the abort', evaluating)).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    await expectUsable();
  });
});

it('aborts whose results nobody looks at are no unhandled rejections', async () => {
  const ended = await runScript(`
    const model = await loadModel(${JSON.stringify(demoModel)});
    const aborted = (when) => {
      const controller = new AbortController();
      when(() => controller.abort(new Error('not needed')));
      return { signal: controller.signal };
    };
    for (const when of [(abort) => abort(), (abort) => queueMicrotask(abort), setImmediate, (abort) => setTimeout(abort, 5)]) {
      model.generate(new Int32Array(1500).fill(9), aborted(when));
      model.generate([1, 2, 3], aborted(when));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    model.generate([1, 2, 3]);
    await model.dispose();
    console.log('done');
  `);

  expect(ended).toEqual({ code: 0, signal: null, output: 'done\n', errors: '' });
});
