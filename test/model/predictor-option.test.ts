/** loadModel's option `predictor`. A predictor moves bytes; no token depends on it. */

import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InvalidFileError, type LoadModelOptions, loadModel } from '../../lib/index.js';
import { readPredictor, writePredictor } from '../../predictor/index.js';
import { demoModel } from '../support/fixtures.js';
import { memoryBudget } from '../support/models.js';
import { previousTokenWeights } from '../support/route-weights.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const shipped = demoModel.replace(/\.gguf$/, '.predictor');

async function generate(options: LoadModelOptions) {
  const model = await loadModel(demoModel, { threads: 2, batchTokens: 32, contextLength: 128, ...options });
  try {
    const { tokens, stats } = await model.generate('In the beginning', { maxTokens: 60, seed: 1 }).result;
    return { tokens, stats, predictor: model.info.predictor };
  } finally {
    await model.dispose();
  }
}

/** For a predictor too, and what reading it takes. */
const room = () => memoryBudget(22, { batchTokens: 32, contextLength: 128 });

describe('a predictor', () => {
  it('is used, and changes no token', async () => {
    const ram = await memoryBudget(6, { batchTokens: 32, contextLength: 128 });
    const without = await generate({ ram, predictor: 'none', cache: { prefetch: 'none' } });
    const named = await generate({ ram: await room(), predictor: shipped, cache: { prefetch: 'route-path' } });
    expect(without.predictor).toBeUndefined();
    expect(named.predictor).toEqual({ path: shipped });
    expect(named.stats.prediction?.forecasts).toBeGreaterThan(0);
    expect(named.stats.experts.prefetches).toBeGreaterThan(0);
    expect(named.tokens).toEqual(without.tokens);
  });

  it('that is wrong about everything changes no token either', async () => {
    const predictor = await readPredictor(shipped);
    const path = join(temporaryDirectory(), 'wrong.predictor');
    const { weights } = predictor;
    const wrong = { ...weights, output: weights.output.map((x) => -x), outputBias: weights.outputBias.map((x) => -x) };
    await writePredictor(path, { ...predictor, weights: wrong });
    const ram = await memoryBudget(6, { batchTokens: 32, contextLength: 128 });
    const expected = await generate({ ram, predictor: 'none' });
    const misled = await generate({ ram: await room(), predictor: path, cache: { prefetch: 'route-path' } });
    expect(misled.tokens).toEqual(expected.tokens);
    expect(misled.stats.experts.wastedPrefetches).toBeGreaterThan(0);
  });

  it('of another model is refused', async () => {
    const path = join(temporaryDirectory(), 'other.predictor');
    const predictor = await readPredictor(shipped);
    await writePredictor(path, { ...predictor, model: 'another', modelHash: 'f'.repeat(64) });
    await expect(loadModel(demoModel, { predictor: path })).rejects.toThrow(InvalidFileError);
    await expect(loadModel(demoModel, { predictor: path })).rejects.toThrow(
      /trained for another file \(another\).*train one/,
    );
  });

  it('that is damaged or missing is refused by name, but ends no load that has only found it', async () => {
    const folder = temporaryDirectory();
    const model = join(folder, 'model.gguf');
    symlinkSync(demoModel, model);
    const beside = join(folder, 'model.predictor');
    // Small enough to be taken where it is merely found.
    const { weights, ...facts } = await readPredictor(shipped);
    const { layers, experts, expertsUsed } = weights;
    const small = { ...facts, weights: previousTokenWeights({ layers, experts, expertsUsed }) };
    await writePredictor(beside, small);
    const damaged = readFileSync(beside);
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 3) ^ 1, damaged.length - 3);
    writeFileSync(beside, damaged);
    await expect(loadModel(model, { predictor: beside })).rejects.toThrow(/damaged \(the checksum differs\)/);
    await expect(loadModel(model, { predictor: join(folder, 'none.predictor') })).rejects.toMatchObject({ code: 'IO' });
    // Most experts fit, but not all, in the process as it is then.
    const tight = () => memoryBudget(22);
    const all = await loadModel(model);
    expect(all.info.predictor).toBeUndefined();
    await all.dispose();
    const loaded = await loadModel(model, { ram: await tight() });
    expect(loaded.info.predictor).toEqual({ path: beside, problem: expect.stringContaining('damaged') });
    await loaded.dispose();
    await writePredictor(beside, small);
    const sound = await loadModel(model, { ram: await tight() });
    expect(sound.info.predictor).toEqual({ path: beside });
    await sound.dispose();
  });
});
