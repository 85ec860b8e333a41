import { activeBytes, type ModelFacts } from '../shared/active-bytes.js';
import { median, spread } from '../shared/statistics.js';
import { table } from '../shared/table.js';
import type { Run, Runtime } from './workers.js';

/** Runs of each runtime in the order they were made. */
export type Runs = Partial<Record<Runtime, Run[]>>;

/**
 * One line per measure: each runtime's median, lowest and highest run, and the median of the ratios of the rounds (above 1 is
 * better for moeflow). The two runs of a round follow each other, so a machine that is slower for a while slows both.
 */
export function compare(runs: Runs): string[] {
  const [first = []] = Object.values(runs);
  const names = [...(first[0]?.measures.keys() ?? [])];
  const rows = names.map((name) => {
    const [ours, theirs] = [valuesOf(runs.moeflow, name), valuesOf(runs.llama, name)];
    const faster = /^(prefill|decode)/.test(name);
    const ratios = ours.map((value, round) => (value / (theirs[round] ?? Number.NaN)) ** (faster ? 1 : -1));
    return [unitOf(name), show(name, ours), show(name, theirs), theirs.length > 0 ? median(ratios).toFixed(2) : ''];
  });
  return table([['measure', 'moeflow', 'llama.cpp', 'ratio'], ...rows]);
}

/**
 * How much of the memory's bandwidth decoding used: bytes per step x steps per second / bandwidth, where each round has the
 * bandwidth (bytes per second) measured at its start. `context` is the mean length of a sequence while it decodes.
 */
export function roofline(runs: Runs, facts: ModelFacts, bandwidths: readonly number[], context: number): string[] {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  const weights = activeBytes(facts, 1, 0);
  const cache = activeBytes(facts, 1, context) - weights;
  const lines = [
    `memory reads ${(median(bandwidths) / 1e9).toFixed(1)} GB/s; one token reads ${megabytes(weights)} of weights and ${megabytes(cache)} of cache`,
  ];
  for (const [runtime, made] of Object.entries(runs)) {
    const shares = [...(made[0]?.measures.keys() ?? [])]
      .filter((name) => name.startsWith('decode'))
      .map((name) => {
        const sequences = Number(name.split(' ')[1]);
        const bytes = activeBytes(facts, sequences, context) / sequences;
        const shares = valuesOf(made, name).map((speed, round) => (bytes * speed) / (bandwidths[round] ?? Number.NaN));
        return `${sequences} ${sequences === 1 ? 'sequence' : 'sequences'} ${(100 * median(shares)).toFixed(0)} %`;
      });
    lines.push(`${runtime} decodes at this share of it: ${shares.join(', ')}`);
  }
  return lines;
}

function valuesOf(runs: readonly Run[] | undefined, name: string): number[] {
  return (runs ?? []).map(({ measures }) => measures.get(name) ?? Number.NaN);
}

function unitOf(name: string): string {
  const [measure, sequences] = name.split(' ');
  if (measure === 'load') return 'load, s';
  if (measure === 'memory') return 'peak resident, GB';
  return `${measure}, tokens/s, ${sequences} sequence${sequences === '1' ? '' : 's'}`;
}

function show(name: string, values: readonly number[]): string {
  return spread(values, (value) =>
    (name === 'memory' ? value / 1e9 : value).toFixed(name === 'load' || name === 'memory' ? 2 : 1),
  );
}
