import { describe, expect, it } from 'vitest';
import { ratioRows, ratios } from '../../bench/offload/ratios.js';
import type { Results, RunRecord } from '../../bench/offload/records.js';
import type { RuntimeName } from '../../bench/offload/runtimes.js';

const record = (
  runtime: RuntimeName,
  round: number,
  promptTokens: number,
  measures: Record<string, number>,
  cap: number | 'none' = 50,
): RunRecord => ({
  round,
  cap: cap === 'none' ? undefined : cap,
  promptTokens,
  runtime,
  run: { measures: new Map(Object.entries(measures)), notes: [], tokens: [] },
});

describe('ratios', () => {
  it('are of the same round, and of rounds that have both', () => {
    const ours = new Map([
      [1, 10],
      [2, 12],
      [3, 9],
    ]);
    const theirs = new Map([
      [1, 5],
      [3, 2],
    ]);
    expect(ratios(ours, theirs)).toEqual([2, 4.5]);
    expect(ratios(ours, theirs, true)).toEqual([0.5, 2 / 9]);
  });

  it('are shown as median, lowest and highest beside the goal', () => {
    const results: Results = {
      disks: [],
      runs: [
        record('moeflow', 1, 64, { decode: 10, prefill: 60, 'first token': 1 }),
        record('moeflow', 2, 64, { decode: 8, prefill: 50, 'first token': 2 }),
        record('moeflow', 3, 64, { decode: 9, prefill: 55, 'first token': 1 }),
        record('llama', 1, 64, { decode: 0.25, prefill: 50, 'first token': 3 }),
        record('llama', 2, 64, { decode: 0.25, prefill: 50, 'first token': 3 }),
        record('llama', 3, 64, { decode: 0.2, prefill: 50, 'first token': 3 }),
        record('moeflow', 1, 512, { prefill: 400 }),
        record('resident', 1, 512, { prefill: 500 }, 'none'),
      ],
    };
    expect(ratioRows(results, 50, [64, 512])).toEqual([
      ['ratio', 'median (lowest to highest)', 'goal'],
      ['decode after 64, against llama.cpp, mmap', '40.00 (32.00 to 45.00)', '30: reached'],
      ['prefill of 64, against llama.cpp, mmap', '1.10 (1.00 to 1.20)', '1.5: missed'],
      ['load and prefill of 64, against llama.cpp, mmap', '3.00 (1.50 to 3.00)', ''],
      ['prefill of 512, against moeflow, no cap', '0.80', '0.85: missed'],
    ]);
  });

  it('have the goal of one cap only there', () => {
    const runs = [
      record('moeflow', 1, 512, { prefill: 400 }, 25),
      record('resident', 1, 512, { prefill: 500 }, 'none'),
    ];
    expect(ratioRows({ disks: [], runs }, 25, [64, 512]).at(-1)).toEqual([
      'prefill of 512, against moeflow, no cap',
      '0.80',
      '',
    ]);
  });

  it('say what could not be measured', () => {
    const failed = record('llama-tuned', 1, 64, {});
    failed.run.failure = 'killed at the limit';
    const runs = [record('moeflow', 1, 64, { decode: 10, prefill: 60 }), failed];
    expect(ratioRows({ disks: [], runs }, 50, [64])[1]).toEqual([
      'decode after 64, against llama.cpp, hand-tuned',
      'not measured',
      '',
    ]);
  });
});
