import { describe, expect, it } from 'vitest';
import { DisposedError, loadModel } from '../../lib/index.js';
import { nativeAddon } from '../../lib/native/addon.js';
import { within } from '../support/deadline.js';
import { demoModel, fixture } from '../support/fixtures.js';
import { runScript } from '../support/processes.js';
import { turnsOfEventLoop } from '../support/scripted-engine.js';

const quick = { threads: 2, contextLength: 512 };

describe('disposing of a model', () => {
  it('ends its generations with DisposedError, those that are read and those that are not', async () => {
    const model = await loadModel(demoModel, quick);
    const unread = model.generate([1, 2], { ignoreEos: true });
    const read = model.generate([3, 4], { ignoreEos: true });
    const reading = (async () => {
      for await (const _ of read) void model.dispose();
    })();

    await expect(within(10, 'the end', reading)).rejects.toBeInstanceOf(DisposedError);
    await expect(unread.result).rejects.toBeInstanceOf(DisposedError);
    await expect(read.result).rejects.toMatchObject({ code: 'DISPOSED' });
  });

  it.each([
    ['has just begun', 0],
    ['is in the middle', 3],
  ])('ends an evaluation that %s', async (_, turns) => {
    const model = await loadModel(demoModel, { ...quick, cpu: 'reference' });
    const evaluation = model.evaluate(new Int32Array(500).fill(7));
    const ended = expect(evaluation).rejects.toBeInstanceOf(DisposedError);
    await turnsOfEventLoop(turns);

    await within(10, 'the end', Promise.all([model.dispose(), ended]));
  });

  it('while the counters of layers are asked for makes that an answer or a DisposedError', async () => {
    const model = await loadModel(demoModel, quick);
    const asking = Array.from({ length: 20 }, () => model.layerStats().catch((error: unknown) => error));
    const disposing = model.dispose();
    for (const answer of await within(10, 'the answers', Promise.all(asking))) {
      if (!Array.isArray(answer)) expect(answer).toBeInstanceOf(DisposedError);
    }
    await disposing;
  });

  it('does not wait for a reader that has stopped reading', async () => {
    const model = await loadModel(demoModel, quick);
    const reader = model.generate([1, 2], { ignoreEos: true })[Symbol.asyncIterator]();
    await reader.next();
    await model.generate([3], { maxTokens: 100, ignoreEos: true }).result;

    await within(10, 'the disposal', model.dispose());
  });

  it('a second time, at once or later, is the same', async () => {
    const model = await loadModel(demoModel, quick);

    await Promise.all([model.dispose(), model.dispose()]);
    await model.dispose();
  });

  it('makes every further use an error', async () => {
    const model = await loadModel(demoModel, quick);
    await model.dispose();

    expect(() => model.generate('a')).toThrow(DisposedError);
    await expect(model.evaluate([1])).rejects.toBeInstanceOf(DisposedError);
    await expect(model.layerStats()).rejects.toBeInstanceOf(DisposedError);
    expect(model.stats().experts.hitRate).toBe(1);
    expect(model.info.architecture).toBe('qwen3moe'); // what needs no weights still answers
    expect(model.detokenize(model.tokenize('a'))).toBe('a');
  });

  it('happens at the end of the block that declares it with `await using`', async () => {
    const model = await loadModel(demoModel, quick);

    await model[Symbol.asyncDispose]();

    expect(() => model.generate('a')).toThrow(DisposedError);
  });

  it('leaves other models alone', async () => {
    const [first, second] = await Promise.all([loadModel(demoModel, quick), loadModel(demoModel, quick)]);
    const generation = second.generate([4093, 1450, 583, 220], { maxTokens: 5 });
    await first.dispose();

    expect((await generation.result).tokens).toEqual([16, 15, 15, 15, 15]);
    await second.dispose();
  });

  it('gives its memory back', async () => {
    const { residentBytes } = nativeAddon();
    await (await loadModel(demoModel, quick)).dispose();
    const before = residentBytes();
    const model = await loadModel(demoModel, quick);
    await model.generate([1, 2, 3], { maxTokens: 200, ignoreEos: true }).result;
    const weights = model.info.expertBytes + model.info.denseBytes;
    expect(residentBytes() - before).toBeGreaterThan(weights * 0.8);

    await model.dispose();

    expect(residentBytes() - before).toBeLessThan(weights * 0.2);
  });
});

describe('memory stays flat', () => {
  const rounds = (body: string) => `
    const mebibytes = () => { gc(); gc(); return process.memoryUsage().rss / 2 ** 20; };
    let settled = 0;
    for (let round = 1; round <= 200; round++) {
      ${body}
      if (round === 20) settled = mebibytes();
    }
    console.log(mebibytes() - settled);
  `;
  const growth = async (body: string) => {
    const ended = await runScript(rounds(body), { nodeOptions: ['--expose-gc'] });
    expect(ended).toMatchObject({ code: 0, signal: null, errors: '' });
    return Number(ended.output);
  };

  it('over 200 loads, generations and disposals', async () => {
    const path = JSON.stringify(fixture('qwen3moe-bf16/model.gguf'));
    const mebibytes = await growth(`
      const model = await loadModel(${path}, { threads: 2 });
      await model.generate([1, 2, 3], { maxTokens: 5, ignoreEos: true }).result;
      await model.dispose();
    `);

    expect(mebibytes).toBeLessThan(12);
  });

  it('over 200 loads that fail', async () => {
    const path = JSON.stringify(fixture('bad/router-shape.gguf'));

    expect(await growth(`await loadModel(${path}, { threads: 2, onProgress() {} }).catch(() => {});`)).toBeLessThan(12);
  });

  it('over 200 generations that are aborted or left', async () => {
    const path = JSON.stringify(fixture('qwen3moe-bf16/model.gguf'));
    const mebibytes = await growth(`
      globalThis.model ??= await loadModel(${path}, { threads: 1, contextLength: 400 });
      const controller = new AbortController();
      const aborted = model.generate(new Int32Array(300).fill(round), { signal: controller.signal });
      for await (const _ of model.generate(new Int32Array(100).fill(round), { ignoreEos: true })) break;
      controller.abort();
      await aborted.result.catch(() => {});
    `);

    expect(mebibytes).toBeLessThan(12);
  });
});
