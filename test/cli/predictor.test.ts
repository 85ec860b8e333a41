import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPredictor } from '../../predictor/index.js';
import { ruledTrace, writeTraceTo } from '../predictor/made-up-routes.js';
import { demoModel } from '../support/fixtures.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { demo, moeflow } from './command.js';

/** Small enough for seconds. */
const sizes = ['--hidden', '16', '--token-width', '8', '--batch-tokens', '32', '--learning-rate', '0.01'];

describe('predictor', () => {
  it('is trained on a trace, says how it is getting on, and measures itself on what it has not seen', async () => {
    const folder = temporaryDirectory();
    const trace = await writeTraceTo(join(folder, 'trace.parquet'), ruledTrace({ sequences: 40 }));
    const out = join(folder, 'a.predictor');
    const words = ['--trace', trace, '--holdout', '0.2', '--epochs', '6', ...sizes, '--out', out];
    const { code, output, errors } = await moeflow(['predictor', 'train', ...words]);
    expect(code).toBe(0);
    expect(
      errors.match(/^wasm: epoch \d of 6, 100\.0 %, loss [\d.]+; on other sequences [\d.]+, recall [\d.]+ %$/gm),
    ).toHaveLength(6);
    expect(output).toMatch(/^trained on [\d,]+ tokens in 6 epochs with wasm: .*a\.predictor$/m);
    expect(output).toMatch(/^fetched per layer +recall +precision$/m);
    expect(existsSync(`${out}.checkpoint`)).toBe(false);

    const predictor = await readPredictor(out);
    const measured = await moeflow([
      'predictor',
      'eval',
      out,
      '--trace',
      trace,
      '--holdout',
      '0.2',
      '--batch',
      '2',
      '--json',
    ]);
    const { evaluation, baselines } = JSON.parse(measured.output);
    expect(evaluation.rows).toBe(predictor.heldOutTokens);
    expect(evaluation.recallAt[2]).toBe(predictor.recall);
    expect(evaluation.union.map((one: { batch: number; fetched: number }) => [one.batch, one.fetched])).toEqual([
      [2, 2],
      [2, 3],
      [2, 4],
    ]);
    expect(Object.keys(baselines)).toEqual([
      'popularity',
      'previous-token',
      'token-table',
      'token-and-previous',
      'oracle',
    ]);
    const table = await moeflow(['predictor', 'eval', out, '--trace', trace, '--holdout', '0.2']);
    expect(table.output).toMatch(/^recall, by experts fetched per layer +2 +3 +4 +6 +8$/m);
    expect(table.output).toMatch(/^oracle +100\.0 %/m);
  });

  it('is trained on texts that the model reads, and used by it', async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, 'texts'));
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      writeFileSync(join(folder, 'texts', `${name}.txt`), `${name}: in the beginning was the word. `.repeat(12));
    }
    const out = join(folder, 'demo.predictor');
    const texts = [...demo, '--text', join(folder, 'texts')];
    const trained = await moeflow([
      'predictor',
      'train',
      ...texts,
      '--holdout',
      '.4',
      '--epochs',
      '1',
      ...sizes,
      '--out',
      out,
      '--json',
    ]);
    expect(trained.code, trained.errors).toBe(0);
    const facts = JSON.parse(trained.output);
    expect(facts).toMatchObject({ out, backend: 'wasm', epochs: 1, architecture: 'qwen3moe' });
    expect(facts.modelHash).toMatch(/^[0-9a-f]{64}$/);
    const used = await moeflow(['generate', ...demo, 'In the', '-n', '4', '--predictor', out]);
    expect(used.code, used.errors).toBe(0);
  });

  describe('refuses', () => {
    it.each([
      [['train', '--trace', 'a'], 2, 'no output: say where the predictor is to go with --out FILE'],
      [['train', '--out', 'x'], 2, 'give routes: either --text FOLDER and --model FILE, or --trace TRACE'],
      [['train', '--out', 'x', '--trace', 'a', '--text', 'b'], 2, 'give routes: either'],
      [['train', '--out', 'x', '--trace', 'a', '--epochs', '0'], 2, 'It must be an integer from 1'],
      [['train', '--out', 'x', '--trace', 'a', '--holdout', '1'], 2, 'It must be even-odd, none, or a share'],
      [['train', '--out', 'x', '--trace', 'nowhere.parquet'], 1, 'nowhere.parquet'],
      [['eval', 'nowhere.predictor', '--trace', 'a'], 1, 'nowhere.predictor'],
      [['eval', demoModel, '--trace', 'a'], 1, 'is it whole, and a predictor?'],
    ])('%j', async (words, exitCode, message) => {
      const { code, output, errors } = await moeflow(['predictor', ...words]);
      expect([code, output]).toEqual([exitCode, '']);
      expect(errors).toContain(message);
    });

    it('a predictor of another model', async () => {
      const folder = temporaryDirectory();
      const trace = await writeTraceTo(join(folder, 'trace.parquet'), ruledTrace());
      const out = join(folder, 'a.predictor');
      await moeflow(['predictor', 'train', '--trace', trace, '--epochs', '1', ...sizes, '--out', out]);
      const { code, errors } = await moeflow(['generate', ...demo, '--predictor', out, 'Hello']);
      expect(code).toBe(1);
      expect(errors).toContain('it is for 3 layers with 2 of 8 experts per token');
      const other = await writeTraceTo(join(folder, 'other.parquet'), ruledTrace({ modelHash: 'b'.repeat(64) }));
      const measured = await moeflow(['predictor', 'eval', out, '--trace', other]);
      expect(measured.code).toBe(1);
      expect(measured.errors).toContain('it was trained for another file');
    });
  });
});
