import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { within } from '../support/deadline.js';
import { demoModel } from '../support/fixtures.js';
import { load } from '../support/models.js';
import { packageUrl, runScript } from '../support/processes.js';

/** A worker that generates 60 tokens and posts their text, the same for everyone. */
const worker = `
  import { parentPort } from 'node:worker_threads';
  import { loadModel } from ${JSON.stringify(packageUrl)};
  const model = await loadModel(${JSON.stringify(demoModel)}, { threads: 2 });
  const generation = model.generate('In the beginning', { maxTokens: 60, temperature: 0.8, seed: 6 });
  parentPort.postMessage((await generation.result).text);
  await model.dispose();
`;
const startWorker = (source: string) =>
  new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { stderr: true });

describe('in worker threads', () => {
  it('two at once generate the text of the main thread, and end', async () => {
    const workers = [startWorker(worker), startWorker(worker)];
    const texts = Promise.all(workers.map(async (each) => (await once(each, 'message'))[0] as string));
    const exits = Promise.all(workers.map(async (each) => (await once(each, 'exit'))[0] as number));
    const model = await load(demoModel);
    const generation = model.generate('In the beginning', { maxTokens: 60, temperature: 0.8, seed: 6 });
    const { text } = await generation.result;

    expect(await within(20, 'the texts', texts)).toEqual([text, text]);
    expect(await within(20, 'the ends', exits)).toEqual([0, 0]);
  });

  /** A process whose worker is terminated once it says that it is busy; the process then generates itself, and ends. */
  const terminated = (busy: string) => `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    const source = \`
      import { parentPort } from 'node:worker_threads';
      import { loadModel } from ${JSON.stringify(packageUrl)};
      const path = ${JSON.stringify(demoModel)};
      ${busy}
    \`;
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)));
      await once(worker, 'message');
      await worker.terminate();
    }
    const model = await loadModel(${JSON.stringify(demoModel)}, { threads: 2 });
    console.log((await model.generate([4093, 1450, 583, 220], { maxTokens: 5 }).result).tokens.join());
    await model.dispose();
  `;

  it.each([
    [
      'generates',
      `const model = await loadModel(path, { threads: 2 });
       for await (const _ of model.generate('a', { ignoreEos: true })) parentPort.postMessage('busy');`,
    ],
    [
      'reads a long prompt',
      `const model = await loadModel(path, { threads: 2, cpu: 'reference' });
       model.generate(new Int32Array(2000).fill(9));
       setImmediate(() => parentPort.postMessage('busy'));`,
    ],
    [
      'loads',
      `const loads = Array.from({ length: 4 }, () => loadModel(path, { onProgress() {} }));
       parentPort.postMessage('busy');
       await Promise.all(loads);`,
    ],
    [
      'evaluates',
      `const model = await loadModel(path, { threads: 1 });
       for (;;) { parentPort.postMessage('busy'); await model.evaluate(new Int32Array(300).fill(9)); }`,
    ],
  ])('one that %s can be terminated, and the process goes on', async (_, busy) => {
    expect(await runScript(terminated(busy))).toEqual({
      code: 0,
      signal: null,
      output: '16,15,15,15,15\n',
      errors: '',
    });
  });
});
