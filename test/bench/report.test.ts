import { describe, expect, it } from 'vitest';
import type { Results } from '../../bench/offload/records.js';
import { capReport, closingLines } from '../../bench/offload/report.js';
import { limitsAt } from '../../bench/offload/rounds.js';
import { median, spread } from '../../bench/shared/statistics.js';
import { table } from '../../bench/shared/table.js';

describe('statistics', () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[7], 7],
  ])('the median of %j is %d', (values, expected) => expect(median(values)).toBe(expected));

  it('show the median between the lowest and the highest', () => {
    const show = (value: number) => value.toFixed(1);
    expect(spread([3, 1, 2], show)).toBe('2.0 (1.0 to 3.0)');
    expect(spread([3], show)).toBe('3.0');
    expect(spread([], show)).toBe('-');
  });
});

describe('tables', () => {
  it('have columns as wide as their widest cell', () =>
    expect(
      table([
        ['a', 'bb', 'c'],
        ['aaa', 'b', ''],
      ]),
    ).toEqual(['a    bb  c', 'aaa  b']));
});

describe('limits', () => {
  it('are a share of the file, and 64 MiB more for the group', () =>
    expect(limitsAt(50, 4_000_000_001)).toEqual({ ram: 2_000_000_000, group: 2_067_108_864 }));
});

describe('the report on a cap', () => {
  const run = (measures: Record<string, number>, failure?: string) => ({
    measures: new Map(Object.entries(measures)),
    notes: [],
    tokens: [],
    failure,
  });
  const results: Results = {
    disks: [{ round: 1, cap: 50, speed: { bytesPerSecond: 2e9, how: 'libaio, 1m blocks at random, depth 16' } }],
    runs: [
      {
        round: 1,
        cap: 50,
        promptTokens: 64,
        runtime: 'moeflow',
        run: run({ prefill: 50, decode: 10, 'expert bytes per token': 100e6 }),
      },
      { round: 1, cap: undefined, promptTokens: 64, runtime: 'resident', run: run({ prefill: 350, decode: 40 }) },
      { round: 1, cap: 50, promptTokens: 64, runtime: 'llama-repacked', run: run({ load: 3 }, 'killed at the limit') },
    ],
  };

  it('puts measures, roofline and ratios under each other, and a failure where a speed is missing', () =>
    expect(capReport(results, 50, [64])).toEqual([
      '50% of the file                  moeflow  moeflow, no cap  llama.cpp, repacking',
      'load, s                          -        -                3.00',
      'prefill, tokens/s, prompt of 64  50.0     350.0            killed at the limit',
      'decode, tokens/s                 10.00    40.00            killed at the limit',
      '',
      'disk, by fio: 2.00 GB/s; fastest with libaio, 1m blocks at random, depth 16',
      'moeflow reads at this share of it while decoding: 50 %',
      'a token: 50.0 ms to read its experts, 25.0 ms to compute; measured 100.0 ms',
      'share of the roof that reads everything while it computes (the longer of the two): 50 %',
      'share of the roof that reads when it is needed (their sum): 75 %',
      '',
      'ratio                                   median (lowest to highest)  goal',
      'prefill of 64, against moeflow, no cap  0.14                        0.85: missed',
    ]));

  it('says what to install where the disk was not measured', () =>
    expect(capReport({ ...results, disks: [] }, 50, [64]).join('\n')).toContain('install fio'));

  it('says where greedy tokens part', () => {
    const withTokens = (tokens: number[]) =>
      ({ ...results.runs[0], run: { ...run({}), tokens } }) as Results['runs'][0];
    const runs = [withTokens([5, 6, 7, 8]), withTokens([5, 6]), withTokens([5, 6, 9, 8])];
    expect(closingLines({ disks: [], runs })).toEqual(['greedy tokens: all runs agree up to token 2, then some part']);
    expect(closingLines({ disks: [], runs: runs.slice(0, 2) })).toEqual(['greedy tokens: all runs agree']);
  });
});
