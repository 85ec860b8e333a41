import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { moeflow } from './command.js';
import { writeTrained } from './trained-predictor.js';

/** Two layers of 4 experts, 2 per token: 0 and 1 in turn with 2 and 3. */
function writeTrace(): string {
  const path = join(temporaryDirectory(), 'trace.jsonl');
  const line = (token: number) =>
    JSON.stringify({
      tok: token,
      layers:
        token % 2
          ? [
              [2, 3],
              [2, 3],
            ]
          : [
              [0, 1],
              [0, 1],
            ],
    });
  writeFileSync(path, `${Array.from({ length: 20 }, (_, token) => line(token)).join('\n')}\n`);
  return path;
}

describe('cache', () => {
  it('shows hit rates of all policies, the best first, for each size', async () => {
    const { code, output, errors } = await moeflow(['cache', writeTrace(), '--slots', '4,8']);
    expect([code, errors]).toEqual([0, '']);
    expect(output).toMatch(/^2 layers, 2 of 4 experts per token\n\n20 generated tokens\n/);
    expect(output).toMatch(/^places +policy +hit rate +misses\/token$/m);
    // With a place for all, all but the first uses hit: 72 of 80.
    expect(output).toMatch(/^8, 100\.0 % +plec +90\.0 % +0\.40$/m);
    expect(output).toMatch(/^ +lru +0\.0 % +4\.00$/m);
    expect(output.match(/belady/g)).toHaveLength(2);
    const asked = await moeflow(['cache', writeTrace(), '--slots', '4,8', '--policy', 'all']);
    expect(asked.output).toBe(output);
  });

  it('as JSON gives rows of numbers', async () => {
    const words = ['--slots', '4', '--policy', 'lru, belady', '--scope', 'layer', '--expert-bytes', '1kB', '--json'];
    const { output } = await moeflow(['cache', writeTrace(), ...words]);
    expect(JSON.parse(output)).toMatchObject([
      {
        policy: 'lru',
        slots: 4,
        batch: 1,
        phase: 'decode',
        accesses: 80,
        hits: 72,
        hitRate: 0.9,
        misses: 8,
        loads: 8,
        bytes: 8000,
      },
      { policy: 'belady', slots: 4, hits: 72 },
    ]);
  });

  it('adds what predictions and reads cost to the table', async () => {
    const words = [
      '--slots',
      '6',
      '--policy',
      'plec',
      '--recall',
      '0.9',
      '--precision',
      '0.5',
      '--expert-bytes',
      '1MB',
    ];
    const { output } = await moeflow(['cache', writeTrace(), ...words, '--bandwidth', '1GB/s', '--expert-time', '100']);
    expect(output).toMatch(/fetched ahead +hits by that +wasted +tokens\/s +waiting$/m);
  });

  it('goes by a trained predictor, of this model only', async () => {
    const { trace, predictor } = await writeTrained(temporaryDirectory(), 10, 1);
    const words = ['--slots', '4', '--policy', 'plec', '--predictor', predictor];
    const { output } = await moeflow(['cache', trace, ...words]);
    expect(output).toMatch(/fetched ahead +hits by that +wasted$/m);
    const other = await moeflow(['cache', writeTrace(), ...words]);
    expect(other.code).toBe(1);
    expect(other.errors).toContain('it is for 3 layers with 2 of 8 experts per token, but the model has 2 with 2 of 4');
  });

  it('writes a report beside it', async () => {
    const file = join(temporaryDirectory(), 'report.html');
    const { code, output } = await moeflow([
      'cache',
      writeTrace(),
      '--bytes',
      '4kB,8kB',
      '--expert-bytes',
      '1kB',
      '--html',
      file,
    ]);
    expect(code).toBe(0);
    expect(output).toContain('3.91 KiB: 4, 50.0 %');
    expect(readFileSync(file, 'utf8')).toContain('<h2>Hit rate against capacity</h2>');
  });

  describe('refuses', () => {
    it.each([
      [[], 2, '--slots or --bytes must say how much the caches hold'],
      [['--slots', '4,x'], 2, "argument '4,x' is invalid. It must be an integer from 1"],
      [['--slots', '4', '--policy', 'fifo'], 2, '"fifo" is none of all, plec, lfu'],
      [['--slots', '4', '--bandwidth', 'fast'], 2, 'It must be a size per second, as in 2GB/s.'],
      [['--slots', '4', '--seed', '1'], 2, '--recall or --precision is missing'],
      [['--slots', '4', '--no-overlap'], 2, '--bandwidth is missing'],
      [['--slots', '4', '--predictor', 'a', '--recall', '1'], 2, '--recall and --precision are for made-up ones'],
      [['--slots', '4', '--least-probability', '.5'], 2, '--predictor is missing'],
      [['--slots', '4', '--predictor', 'nowhere.predictor'], 1, 'nowhere.predictor'],
      [['--slots', '4', '--holdout', '2'], 2, 'It must be even-odd, none, or a share'],
      [['--slots', '4', '--recall', '2'], 2, 'It must be a number from 0 to 1.'],
      [['--slots', '9'], 1, 'slots: 9 must be from 2, which a token uses in a layer, to 8, which the trace has'],
      [['--bytes', '1MiB'], 1, 'expertBytes is needed for bytes: the trace does not say how large its experts are'],
      [['--slots', '4', '--hot', 'nowhere.json', '--policy', 'static'], 1, 'nowhere.json'],
    ])('%j', async (words, exitCode, message) => {
      const { code, output, errors } = await moeflow(['cache', writeTrace(), ...words]);
      expect([code, output]).toEqual([exitCode, '']);
      expect(errors).toContain(message);
    });
  });
});
