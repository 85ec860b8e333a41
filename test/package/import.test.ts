import { describe, expect, it } from 'vitest';
import { demoModel } from '../support/fixtures.js';
import { run } from '../support/processes.js';

const generate = `
  const model = await loadModel(${JSON.stringify(demoModel)}, { threads: 1 });
  console.log((await model.generate([4093, 1450, 583, 220], { maxTokens: 5 }).result).tokens.join());
  await model.dispose();
`;
const evaluate = (kind: 'module' | 'commonjs', source: string) => run([`--input-type=${kind}`, '--eval', source]);
const clean = { code: 0, signal: null };

describe('the package', () => {
  it('can be imported by its name', async () => {
    const ended = await evaluate('module', `import { loadModel } from 'moeflow'; ${generate}`);

    expect(ended).toEqual({ ...clean, output: '16,15,15,15,15\n', errors: '' });
  });

  it('can be required by its name', async () => {
    const ended = await evaluate(
      'commonjs',
      `const { loadModel } = require('moeflow'); (async () => {${generate}})();`,
    );

    expect(ended).toMatchObject({ ...clean, output: '16,15,15,15,15\n' });
  });

  it('is one and the same either way', async () => {
    const ended = await evaluate(
      'commonjs',
      `const required = require('moeflow');
       import('moeflow').then((imported) => console.log(Object.keys(imported)
         .filter((name) => imported[name] !== required[name] && name !== 'module.exports')));`,
    );

    expect(ended).toMatchObject({ ...clean, output: '[]\n' });
  });

  it('brings the web framework only with its server', async () => {
    const loads = (name: string) =>
      evaluate(
        'module',
        `import { createRequire } from 'node:module';
         const names = Object.keys(await import('${name}'));
         const loaded = Object.keys(createRequire('/').cache).some((path) => path.includes('/node_modules/fastify/'));
         console.log(names.includes('createServer'), loaded);`,
      );

    expect(await loads('moeflow')).toMatchObject({ ...clean, output: 'false false\n' });
    expect(await loads('moeflow/server')).toMatchObject({ ...clean, output: 'true true\n' });
  });

  it('loads the addon only when something native is asked for', async () => {
    const ended = await run([
      '--input-type=module',
      '--eval',
      `process.env.MOEFLOW_ADDON = '/nowhere/moeflow.node';
       const { loadModel, InvalidArgumentError } = await import('moeflow');
       console.log(new InvalidArgumentError('x').code);
       await loadModel('model.gguf').catch((error) => console.log(error.code, error.message));`,
    ]);

    expect(ended).toMatchObject({ ...clean, errors: '' });
    expect(ended.output).toContain('INVALID_ARGUMENT\nADDON_NOT_FOUND');
    expect(ended.output).toContain('/nowhere/moeflow.node');
  });

  it('does not load what moeflow/ai-sdk needs, unless that is imported', async () => {
    const refuse = `export const resolve = (name, context, next) => {
      if (name.startsWith('@ai-sdk/')) throw new Error('somebody wants ' + name);
      return next(name, context);
    }`;
    const ended = await evaluate(
      'module',
      `import { register } from 'node:module';
       register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(refuse)}));
       console.log(typeof (await import('moeflow')).loadModel);
       await import('moeflow/ai-sdk').catch((error) => console.log(error.message));`,
    );

    expect(ended).toEqual({ ...clean, output: 'function\nsomebody wants @ai-sdk/provider\n', errors: '' });
  });

  it('has moeflow/ai-sdk, by import and by require', async () => {
    const use = (what: string) => `console.log(${what}.createMoeflow({ model: 'x.gguf' })('x').provider);`;

    const imported = await evaluate('module', `import * as sdk from 'moeflow/ai-sdk'; ${use('sdk')}`);
    const required = await evaluate('commonjs', use("require('moeflow/ai-sdk')"));

    expect(imported).toEqual({ ...clean, output: 'moeflow.chat\n', errors: '' });
    expect(required).toMatchObject({ ...clean, output: 'moeflow.chat\n' });
  });
});
