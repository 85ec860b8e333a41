import { describe, expect, it } from 'vitest';
import { demoModel, fixture } from '../support/fixtures.js';
import { runScript } from '../support/processes.js';

const path = JSON.stringify(demoModel);
const clean = { code: 0, signal: null, errors: '' };
/** The work would take these kernels half a minute: a process that ends before the deadline has not waited for it. */
const seconds = 10;
const slowly = `{ cpu: 'reference', threads: 1, contextLength: 2048 }`;

describe('a process ends by itself', () => {
  it('after dispose', async () => {
    const ended = await runScript(`
      const model = await loadModel(${path});
      await model.generate('a', { maxTokens: 3 }).result;
      await model.dispose();
      console.log('disposed');
    `);

    expect(ended).toEqual({ ...clean, output: 'disposed\n' });
  });

  it('with a model that was not disposed of', async () => {
    expect(await runScript(`globalThis.model = await loadModel(${path}); console.log('loaded');`)).toEqual({
      ...clean,
      output: 'loaded\n',
    });
  });

  it('after a generation that nobody awaits, which it finishes', async () => {
    const ended = await runScript(`
      const model = await loadModel(${path});
      model.generate([1], { maxTokens: 20, ignoreEos: true }).result.then(({ tokens }) => console.log(tokens.length));
    `);

    expect(ended).toEqual({ ...clean, output: '20\n' });
  });

  it('once a reader has left the loop', async () => {
    const ended = await runScript(
      `
      const model = await loadModel(${path}, ${slowly});
      for await (const piece of model.generate('a', { ignoreEos: true })) break;
      console.log('left');
    `,
      { seconds },
    );

    expect(ended).toEqual({ ...clean, output: 'left\n' });
  });

  it('once a generation was aborted in the prompt', async () => {
    const ended = await runScript(
      `
      const model = await loadModel(${path}, ${slowly});
      const { result } = model.generate(new Int32Array(2000).fill(5), { signal: AbortSignal.timeout(50) });
      await result.catch((error) => console.log(error.name));
    `,
      { seconds },
    );

    expect(ended).toEqual({ ...clean, output: 'TimeoutError\n' });
  });
});

describe('the garbage collector', () => {
  it('may come at any time, and take models and generations that nobody holds any more', async () => {
    const ended = await runScript(
      `const path = ${JSON.stringify(fixture('qwen3moe-bf16/model.gguf'))};
       for (let round = 0; round < 20; round++) {
         const model = await loadModel(path, { threads: 2 });
         model.generate([1, 2, 3], { maxTokens: 50, ignoreEos: true });
         gc();
         const { result } = model.generate([round], { maxTokens: 5, ignoreEos: true, routing: true });
         for await (const _ of model.generate([4], { maxTokens: 5, ignoreEos: true })) gc();
         await result;
       }
       gc();
       console.log('alive');`,
      { nodeOptions: ['--expose-gc'] },
    );

    expect(ended).toEqual({ ...clean, output: 'alive\n' });
  });
});

describe('process.exit() does not crash, and gives its code', () => {
  it.each([
    ['while it loads', `loadModel(${path}, { onProgress() {} }); setImmediate(() => process.exit(7));`],
    [
      'while a prompt is read',
      `const model = await loadModel(${path}, ${slowly});
       model.generate(new Int32Array(2000).fill(5));
       setImmediate(() => process.exit(7));`,
    ],
    [
      'while it generates',
      `const model = await loadModel(${path}, { threads: 2 });
       for await (const _ of model.generate('a', { ignoreEos: true })) process.exit(7);`,
    ],
    [
      'while it is disposing',
      `const model = await loadModel(${path}, { threads: 2 });
       model.generate('a', { ignoreEos: true });
       model.dispose();
       process.exit(7);`,
    ],
    [
      'while four models are busy',
      `for (let i = 0; i < 4; i++) {
         const model = await loadModel(${path}, { threads: 2 });
         model.generate('a', { ignoreEos: true });
         model.evaluate(new Int32Array(500).fill(3));
       }
       setTimeout(() => process.exit(7), 20);`,
    ],
  ])('%s', async (_, script) => {
    expect(await runScript(script, { seconds })).toEqual({ code: 7, signal: null, output: '', errors: '' });
  });

  it('nor does an error that nobody catches', async () => {
    const ended = await runScript(`
      const model = await loadModel(${path}, { threads: 2 });
      for await (const _ of model.generate('a', { ignoreEos: true })) setTimeout(() => { throw new Error('mine'); });
    `);

    expect(ended).toMatchObject({ code: 1, signal: null });
    expect(ended.errors).toContain('Error: mine');
  });
});
