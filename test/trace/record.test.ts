import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTrace, recordTrace } from '../../lib/index.js';
import { demoModel } from '../support/fixtures.js';
import { load } from '../support/models.js';
import { packageUrl } from '../support/processes.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { contentOf } from './tokens.js';

const prompts = ['Once upon a time', 'The capital of France is'];
const options = { maxTokens: 12, temperature: 0.7, seed: 3, ignoreEos: true };

describe('recording', () => {
  it('writes the routes of every token that a step has read, as generations give them', async () => {
    const model = await load(demoModel);
    const path = join(temporaryDirectory(), 'routes.parquet');
    const recording = await recordTrace(model, prompts, path, options);
    const trace = await contentOf(await openTrace(path));
    expect(trace.header).toMatchObject({
      layers: 8,
      experts: 32,
      k: 4,
      ranked: true,
      architecture: 'qwen3moe',
      expertBytes: Array(8).fill(model.info.bytesPerExpert),
    });
    expect(trace.header.modelHash).toMatch(/^[0-9a-f]{64}$/);
    let at = 0;
    for (const [sequence, prompt] of prompts.entries()) {
      const { tokens, routing } = await model.generate(prompt, { ...options, routing: true }).result;
      const all = [...model.tokenize(prompt), ...tokens].slice(0, -1);
      const promptTokens = all.length - tokens.length + 1;
      const mine = <T>(values: T[], width = 1) => values.slice(at * width, (at + all.length) * width);
      expect(mine(trace.sequence)).toEqual(all.map(() => sequence));
      expect(mine(trace.position)).toEqual(all.map((_, i) => i));
      expect(mine(trace.token)).toEqual(all);
      expect(mine(trace.phase)).toEqual(all.map((_, i) => (i < promptTokens ? 0 : 1)));
      expect(mine(trace.experts, 32)).toEqual([...(routing?.experts ?? [])]);
      expect(mine(trace.weights, 32)).toEqual([...(routing?.weights ?? [])]);
      at += all.length;
    }
    expect(recording).toEqual({ sequences: 2, tokens: at });
  });

  it('that is aborted keeps what was computed', async () => {
    const model = await load(demoModel);
    const path = join(temporaryDirectory(), 'routes');
    const controller = new AbortController();
    async function* manyPrompts() {
      yield prompts[0] as string;
      setTimeout(() => controller.abort(), 50);
      for (;;) yield prompts[1] as string;
    }
    const { sequences, tokens } = await recordTrace(model, manyPrompts(), path, {
      ...options,
      maxTokens: 1000,
      signal: controller.signal,
    });
    expect(sequences).toBeGreaterThanOrEqual(1);
    expect((await contentOf(await openTrace(path))).position).toHaveLength(tokens);
  });

  it('that is killed keeps its closed parts', async () => {
    const path = join(temporaryDirectory(), 'routes');
    const script = `
      import { loadModel, recordTrace } from ${JSON.stringify(packageUrl)};
      const model = await loadModel(${JSON.stringify(demoModel)}, { threads: 1 });
      function* prompts() { for (;;) yield 'Once upon a time'; }
      await recordTrace(model, prompts(), ${JSON.stringify(path)}, { maxTokens: 8, ignoreEos: true, partTokens: 30 });`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
    const parts = () => (existsSync(path) ? readdirSync(path).filter((name) => name.endsWith('.parquet')) : []);
    while (parts().length < 3 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    expect(child.signalCode).toBe('SIGKILL');
    const { position, sequence } = await contentOf(await openTrace(path));
    expect(position.length).toBeGreaterThanOrEqual(3 * 30);
    // Sequences of one length, all of them whole.
    expect(position.length).toBe((Math.max(...sequence) + 1) * (Math.max(...position) + 1));
  });

  it('of a prompt that does not fit is an error, and leaves the sequences before it', async () => {
    const model = await load(demoModel, { contextLength: 16 });
    const path = join(temporaryDirectory(), 'routes.parquet');
    const long = Array.from({ length: 17 }, () => 5);
    await expect(recordTrace(model, [[1, 2, 3], long], path, options)).rejects.toThrow('the prompt has 17 tokens');
    expect((await contentOf(await openTrace(path))).position.length).toBeGreaterThan(3);
  });
});
