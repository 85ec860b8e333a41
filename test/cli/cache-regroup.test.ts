import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tokensOf, traceInMemory } from '../../lib/index.js';
import { writeTraceTo } from '../predictor/made-up-routes.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { moeflow } from './command.js';
import { writeTrained } from './trained-predictor.js';

/** One layer of 4 experts, 2 per token; four sequences of two tokens: 0 and 1 in two of them, 2 and 3 in the others. */
function writeTrace(): Promise<string> {
  const header = { layers: 1, experts: 4, k: 2, ranked: true };
  const parts = [0, 1, 2, 3].map((sequence) =>
    tokensOf(header, Int32Array.from(sequence % 2 ? [2, 3, 2, 3] : [0, 1, 0, 1]), { sequence }),
  );
  return writeTraceTo(join(temporaryDirectory(), 'trace.parquet'), traceInMemory(header, ...parts));
}

const words = ['--regroup', '--sequences', '4', '--batch', '2'];

describe('cache --regroup', () => {
  it('shows what ways to make batches activate', async () => {
    const { code, output, errors } = await moeflow(['cache', await writeTrace(), ...words, '--optimum', '--seed', '0']);
    expect([code, errors]).toEqual([0, '']);
    expect(output).toMatch(/^1 layers, 2 of 4 experts per token\n\n8 generated tokens; 4 sequences, 2 in a step\n/);
    expect(output).toMatch(/^batches +experts\/step +experts\/token +saved +longest wait$/m);
    // Two batches of two tokens with the same two experts each.
    expect(output).toMatch(/^exchange, true routes +2\.00 +1\.00 +/m);
    expect(output).toMatch(/^optimum +2\.00 +1\.00 +/m);
    expect(output).toMatch(/^bound +2\.00 +1\.00 +/m);
  });

  it('as JSON gives rows of numbers, with those of caches', async () => {
    const sizes = ['--slots', '2,4', '--policy', 'lru', '--expert-bytes', '1kB', '--json'];
    const { output } = await moeflow(['cache', await writeTrace(), ...words, ...sizes]);
    const rows = JSON.parse(output);
    expect(rows.find((row: { method: string }) => row.method === 'exchange')).toMatchObject({
      routes: 'true',
      tokens: 8,
      steps: 4,
      activated: 8,
      activatedPerStep: 2,
      activatedPerToken: 1,
      caches: [
        { policy: 'lru', slots: 2, batch: 2, accesses: 8 },
        // All that is used is read once.
        { policy: 'lru', slots: 4, accesses: 8, hits: 4, misses: 4, bytes: 4000 },
      ],
    });
    const table = (await moeflow(['cache', await writeTrace(), ...words, ...sizes.slice(0, -1)])).output;
    expect(table).toMatch(/\nlru, places: 4, 100\.0 %\nbatches +hit rate +read\/token +saved\n/);
    expect(table).toMatch(/^exchange, true routes +50\.0 % +500 bytes +/m);
  });

  it('tries what a trained predictor expects', async () => {
    const { trace, predictor } = await writeTrained(temporaryDirectory(), 10, 2);
    const told = ['--holdout', '0.2', '--predictor', predictor];
    const { output, errors } = await moeflow(['cache', trace, ...words, ...told, '--predicted-from', '.3']);
    expect(errors).toBe('');
    expect(output).toMatch(/^medoids, predicted routes +/m);
    expect(output).toMatch(/^exchange, routes of the token before +/m);
    const more = ['--predicted-experts', '3', '--slots', '12', '--policy', 'plec', '--least-probability', '.5'];
    expect((await moeflow(['cache', trace, ...words, ...told, ...more])).output).toContain('plec, places: 12, 50.0 %');
  });

  describe('refuses', () => {
    it.each([
      [['--regroup', '--batch', '4,8'], 2, '--batch must be one number with --regroup'],
      [['--regroup', '--html', 'a.html'], 2, '--html is not for --regroup'],
      [['--regroup', '--recall', '.5'], 2, '--recall is not for --regroup'],
      [['--regroup', '--no-overlap'], 2, '--no-overlap is not for --regroup'],
      [['--regroup', '--policy', 'lru'], 2, '--slots or --bytes is missing'],
      [
        ['--regroup', '--predicted-from', '.5'],
        2,
        '--predicted-from is for a trained predictor: --predictor is missing',
      ],
      [['--regroup', '--predicted-from', '.5', '--predicted-experts', '4', '--predictor', 'a'], 2, 'one is enough'],
      [['--slots', '4', '--sequences', '4'], 2, '--sequences is for regrouping: --regroup is missing'],
      [['--slots', '4', '--turn-steps', '4'], 2, '--turn-steps is for regrouping: --regroup is missing'],
      [['--regroup', '--sequences', '8', '--batch', '8'], 1, 'batch must be less than sequences'],
      [['--regroup'], 1, 'the trace has 4 with generated tokens, which are too few for 16 at a time'],
      [['--regroup', '--sequences', '4', '--batch', '2', '--predictor', 'nowhere.predictor'], 1, 'nowhere.predictor'],
    ])('%j', async (flags, exitCode, message) => {
      const { code, output, errors } = await moeflow(['cache', await writeTrace(), ...flags]);
      expect([code, output]).toEqual([exitCode, '']);
      expect(errors).toContain(message);
    });
  });
});
