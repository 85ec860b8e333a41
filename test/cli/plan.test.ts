import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { placement, TraceWriter } from '../../lib/index.js';
import { topicalTrace } from '../placement/routes.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { interrupt, moeflow } from './command.js';

/** A folder with routes of small size, or of one that keeps a solver busy. */
async function routes(layers = 4, experts = 8): Promise<string> {
  const path = join(temporaryDirectory(), 'routes.parquet');
  const { chunks, ...header } = topicalTrace({ layers, experts, k: 2 }, 4);
  const writer = await TraceWriter.create(path, header);
  for await (const tokens of chunks()) await writer.write(tokens);
  await writer.close();
  return path;
}

describe('plan', () => {
  it('reports what the plan is worth beside what needs no search', async () => {
    const { code, output, errors } = await moeflow(['plan', await routes(), '--gpus', '4', '--nodes', '2']);
    expect([code, errors]).toEqual([0, '']);
    expect(output).toMatch(/^cluster +4 GPUs in 2 nodes$/m);
    expect(output).toMatch(/^model +4 layers of 8 experts$/m);
    expect(output).toMatch(/^made from +240 tokens$/m);
    expect(output).toMatch(/^tested on +240 held-out tokens$/m);
    expect(output).toMatch(/^ +crossings +inter-node +stay +pairs +inter-node +GPUs +load +worst$/m);
    for (const row of ['linear', 'round-robin', 'random', 'balanced', 'greedy', 'EPLB, global', 'EPLB, hierarchical']) {
      expect(output).toMatch(new RegExp(`^${row}.* %  `, 'm'));
    }
    expect(output).toMatch(/^this plan +\d/m);
    expect(output).toMatch(/^Beside ".+", the best of the others: .* fewer crossings/m);
  });

  it('writes the plan in the form asked for', async () => {
    const trace = await routes();
    const folder = temporaryDirectory();
    const options = ['plan', trace, '--gpus', '2', '--replicas', '10', '--seed', '3'];
    const json = await moeflow([...options, '--json', '--out', join(folder, 'plan.json')]);
    const plan = JSON.parse(json.output) as placement.Plan;
    expect(await placement.readPlan(join(folder, 'plan.json'))).toEqual(plan);
    expect(plan.metadata).toMatchObject({ replicas: 10, seed: 3, objective: 'crossings' });
    const { output } = await moeflow([...options, '--format', 'sglang', '--dense-layers', '1']);
    expect(JSON.parse(output).physical_to_logical_map.map((layer: number[]) => layer.length)).toEqual([
      10, 10, 10, 10, 10,
    ]);
    const out = join(folder, 'plan.csv');
    const reported = await moeflow(['plan', trace, '--gpus', '2', '--format', 'exflow', '--out', out]);
    expect(reported.output).toContain('this plan');
    expect(readFileSync(out, 'utf8').split('\n')).toHaveLength(1 + 32 + 1);
  });

  it('proves small plans optimal, shows trade-offs and communication, and says when planning does not help', async () => {
    const trace = await routes(2, 4);
    const exact = await moeflow(['plan', trace, '--gpus', '2', '--solver', 'exact', '--hidden', '64']);
    expect(exact.output).toMatch(/^solver +exact, [\d.]+ s, seed 0: proved optimal$/m);
    expect(exact.output).toMatch(/^context-coherent, this plan +4 +1 /m);
    const fused = await moeflow(['plan', trace, '--gpus', '2', '--objective', 'fused', '--holdout', 'none']);
    expect(fused.output).toMatch(/^weight of balance +steps that cross +load$/m);
    expect(fused.output).toMatch(/^tested on +480 tokens, the same ones$/m);
    const alone = await moeflow(['plan', trace, '--gpus', '1']);
    expect(alone.output).toContain('Planning does not help: no placement was found that is better than "linear');
  });

  it('refuses wrong command lines with exit code 2, and what cannot be done with 1', async () => {
    const trace = await routes();
    const failed = async (...words: string[]) => {
      const { code, output, errors } = await moeflow(['plan', ...words]);
      expect(output).toBe('');
      return `${code} ${errors}`;
    };
    expect(await failed(trace)).toBe('2 moeflow: no cluster: say how many GPUs there are with --gpus N\n');
    expect(await failed(trace, '--gpus', '0')).toMatch(/^2 .*It must be an integer from 1/);
    expect(await failed(trace, '--gpus', '2', '--holdout', '1')).toMatch(/^2 .*It must be even-odd, none, or a share/);
    expect(await failed(trace, '--gpus', '2', '--objective', 'x')).toMatch(/^2 .*Allowed choices are crossings/);
    expect(await failed(trace, '--gpus', '2', '--json', '--format', 'eplb')).toMatch(/^2 .*--json prints/);
    expect(await failed(trace, '--gpus', '3')).toMatch(/^1 moeflow: 8 experts per layer do not divide by 3 GPUs; .*9/);
    expect(await failed('nowhere.parquet', '--gpus', '2')).toMatch(/^1 moeflow: .*nowhere\.parquet/);
    const broken = join(temporaryDirectory(), 'x.bin');
    writeFileSync(broken, 'no trace');
    expect(await failed(broken, '--gpus', '2')).toMatch(/^1 moeflow: .*x\.bin/);
  });

  it.each([['sweep'], ['exact']])('ends at Ctrl-C, without a word: %s', async (solver) => {
    const words = ['plan', await routes(12, 16), '--gpus', '4', '--solver', solver, '--time-limit', '60'];
    const { took, ...ended } = await interrupt([...words, '--objective', 'fused'], 1000);
    expect(ended).toMatchObject({ code: 130, signal: null, output: '', errors: '' });
    expect(took).toBeLessThan(2000);
  });
});
