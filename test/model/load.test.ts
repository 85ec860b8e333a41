import { statSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { availableKernels, inspectModel, type LoadProgress, loadModel } from '../../lib/index.js';
import { floatFixtures, quantisedFixtures } from '../support/conformance.js';
import { demoModel, fixture } from '../support/fixtures.js';
import { load } from '../support/models.js';

describe('a loaded model', () => {
  it('tells its shape and sizes, those of models/demo/README.md', async () => {
    const { info, metadata } = await load(demoModel, { threads: 1 });

    expect(info).toMatchObject({
      architecture: 'qwen3moe',
      name: 'moeflow demo',
      paths: [demoModel],
      layers: 8,
      expertLayers: 8,
      experts: 32,
      expertsUsed: 4,
      vocabulary: 4096,
      contextLength: 2048,
      trainedContextLength: 2048,
      threads: 1,
    });
    const expert = (3 * 256 * 128 * 34) / 32; // three matrices, 34 bytes per 32 weights
    expect(info).toMatchObject({ bytesPerExpert: expert, expertBytes: 8 * 32 * expert });
    expect(info.kvBytesPerToken).toBe(8 * (2 + 2) * 64 * (info.kvType === 'f16' ? 2 : 4));
    expect(Object.keys(info.quantTypes).sort()).toEqual(['F32', 'Q8_0']);
    expect(info.denseBytes + info.expertBytes).toBeLessThan(statSync(demoModel).size);
    expect(metadata['general.architecture']).toBe('qwen3moe');
  });

  it('has the context that was asked for, else its own up to 4096', async () => {
    expect((await load(demoModel, { contextLength: 64 })).info.contextLength).toBe(64);
    expect((await load(fixture('qwen2moe/model.gguf'))).info.contextLength).toBe(512);
  });

  it.each([
    ['f16', 2],
    ['f32', 4],
  ] as const)('has the key/value cache in %s that was asked for', async (kvType, bytes) => {
    const { info } = await load(demoModel, { kvType });

    expect(info).toMatchObject({ kvType, kvBytesPerToken: 8 * (2 + 2) * 64 * bytes });
  });

  it('keeps the cache in float32 for float weights, in float16 for quantised ones', async () => {
    expect((await load(demoModel)).info.kvType).toBe('f16');
    expect((await load(fixture('qwen2moe/model.gguf'))).info.kvType).toBe('f32');
  });

  it('runs the fastest kernels, those of MOEFLOW_CPU, or those that were asked for', async () => {
    expect((await load(demoModel)).info.cpu).toBe(availableKernels()[0]);
    vi.stubEnv('MOEFLOW_CPU', 'portable');
    expect((await load(demoModel)).info.cpu).toBe('portable');
    expect((await load(demoModel, { cpu: 'reference' })).info.cpu).toBe('reference');
    vi.unstubAllEnvs();
  });
});

describe('loading', () => {
  it('reports its progress, never backwards, to the end', async () => {
    const reports: LoadProgress[] = [];
    await load(demoModel, { onProgress: (progress) => reports.push(progress) });

    const total = reports[0]?.totalBytes as number;
    expect(total).toBeLessThanOrEqual(statSync(demoModel).size);
    expect(reports.at(-1)).toEqual({ loadedBytes: total, totalBytes: total });
    for (const [i, { loadedBytes, totalBytes }] of reports.entries()) {
      expect(loadedBytes).toBeGreaterThanOrEqual(reports[i - 1]?.loadedBytes ?? 1);
      expect(totalBytes).toBe(total);
    }
  });

  it('does not block the event loop', async () => {
    const loading = Promise.all([1, 2, 3, 4].map(() => loadModel(demoModel, { threads: 1 })));
    let turns = 0;
    let over = false;
    void loading.then(() => (over = true));
    for (; !over; turns++) await new Promise(setImmediate);

    expect(turns).toBeGreaterThan(10);
    for (const model of await loading) await model.dispose();
  });
});

describe('inspecting a model', () => {
  it.each([...floatFixtures, ...quantisedFixtures])('$name tells the sizes that loading tells', async ({ model }) => {
    const { model: facts, tensors, problem } = await inspectModel(model);
    const { info } = await load(model);

    expect(problem).toBeUndefined();
    expect(facts).toMatchObject({
      architecture: info.architecture,
      experts: info.experts,
      expertsUsed: info.expertsUsed,
      expertBytes: info.expertBytes,
      denseBytes: info.denseBytes,
      activeBytesPerToken: info.activeBytesPerToken,
      bytesByType: info.quantTypes,
    });
    const experts = tensors.filter(({ name }) => /^blk\.\d+\.ffn_\w+_exps\.weight$/.test(name));
    const inTable = experts.reduce((sum, { bytes }) => sum + bytes, 0);
    // The block that only predicts is in the table but is not run.
    if (!model.includes('mtp')) expect(facts?.expertBytes).toBe(inTable);
    else expect(facts?.expertBytes).toBeLessThan(inTable);
  });

  it('shows every tensor with its place in the file', async () => {
    const { tensors } = await inspectModel(demoModel);

    expect(tensors.find(({ name }) => name === 'blk.7.ffn_down_exps.weight')).toMatchObject({
      type: 'Q8_0',
      shape: [128, 256, 32],
      file: demoModel,
      bytes: (128 * 256 * 32 * 34) / 32,
    });
    const last = Math.max(...tensors.map(({ offset, bytes }) => offset + bytes));
    expect(last).toBeLessThanOrEqual(statSync(demoModel).size);
  });
});
