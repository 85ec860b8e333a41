import { activeBytes, type ModelFacts } from './active-bytes.js';
import type { Run, Runtime } from './workers.js';

/** Runs of each runtime in the order they were made. */
export type Runs = Partial<Record<Runtime, Run[]>>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** One line per measure: medians, their ratio (above 1 is better for moeflow), and each runtime's lowest and highest run. */
export function compare(runs: Runs): string[] {
  const [first = []] = Object.values(runs);
  const names = [...(first[0]?.measures.keys() ?? [])];
  const rows = names.map((name) => {
    const ours = summary(runs.moeflow, name);
    const theirs = summary(runs.llama, name);
    const faster = /^(prefill|decode)/.test(name);
    const ratio = ours && theirs ? (faster ? ours.median / theirs.median : theirs.median / ours.median) : undefined;
    return [unitOf(name), show(name, ours), show(name, theirs), ratio === undefined ? '' : ratio.toFixed(2)];
  });
  return table([['measure', 'moeflow', 'llama.cpp', 'ratio'], ...rows]);
}

/** How much of the memory's bandwidth decoding used: weight bytes per step x steps per second / bandwidth. */
export function roofline(runs: Runs, facts: ModelFacts, bandwidth: number): string[] {
  const lines = [
    `memory reads ${(bandwidth / 1e9).toFixed(1)} GB/s; one token reads ${(activeBytes(facts, 1) / 1e6).toFixed(0)} MB of weights`,
  ];
  for (const [runtime, made] of Object.entries(runs)) {
    const shares = [...(made[0]?.measures.keys() ?? [])]
      .filter((name) => name.startsWith('decode'))
      .map((name) => {
        const sequences = Number(name.split(' ')[1]);
        const speed = summary(made, name)?.median ?? Number.NaN;
        const share = ((activeBytes(facts, sequences) * speed) / sequences / bandwidth) * 100;
        return `${sequences} ${sequences === 1 ? 'sequence' : 'sequences'} ${share.toFixed(0)} %`;
      });
    lines.push(`${runtime} decodes at this share of it: ${shares.join(', ')}`);
  }
  return lines;
}

interface Summary {
  median: number;
  lowest: number;
  highest: number;
}

function summary(runs: readonly Run[] | undefined, name: string): Summary | undefined {
  const values = (runs ?? []).flatMap(({ measures }) => measures.get(name) ?? []);
  if (values.length === 0) return undefined;
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

function unitOf(name: string): string {
  const [measure, sequences] = name.split(' ');
  if (measure === 'load') return 'load, s';
  if (measure === 'memory') return 'peak resident, GB';
  return `${measure}, tokens/s, ${sequences} sequence${sequences === '1' ? '' : 's'}`;
}

function show(name: string, found: Summary | undefined): string {
  if (!found) return '-';
  const digits = (value: number) =>
    (name === 'memory' ? value / 1e9 : value).toFixed(name === 'load' || name === 'memory' ? 2 : 1);
  return `${digits(found.median)} (${digits(found.lowest)} to ${digits(found.highest)})`;
}

function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
