import { median, spread } from '../shared/statistics.js';
import { table } from '../shared/table.js';
import { type Measure, measures } from './measures.js';
import { ratioRows } from './ratios.js';
import { byRound, type Results, type RunRecord, runsOf } from './records.js';
import { type RouteFacts, routeFacts } from './reuse.js';
import { type Roofline, roofline } from './roofline.js';
import type { Run } from './run.js';
import { type RuntimeName, runtimeNames, runtimes } from './runtimes.js';

/** Everything about one cap: measures, roofline, ratios. */
export function capReport(results: Results, cap: number, prompts: readonly number[]): string[] {
  return [
    ...table(measureRows(results, cap, prompts)),
    '',
    ...rooflineLines(results, cap, prompts),
    '',
    ...table(ratioRows(results, cap, prompts)),
  ];
}

/** Once for all caps: how routes repeat, what runs had to say, whether they did the same work. */
export function closingLines(results: Results): string[] {
  return [...routeLines(results), ...noteLines(results), ...tokenLines(results)];
}

/** What is said of a run while the benchmark goes on. */
export function runLine(run: Run): string {
  const shown = measures.flatMap(({ name, title, show }) => {
    const value = run.measures.get(name);
    return value === undefined ? [] : [`${title} ${show(value)}`];
  });
  return [...shown, ...(run.failure === undefined ? [] : [run.failure.toUpperCase()])].join('; ');
}

function measureRows(results: Results, cap: number, prompts: readonly number[]): string[][] {
  const shown = runtimeNames.filter((runtime) =>
    prompts.some((promptTokens) => runsOf(results, runtime, cap, promptTokens).length > 0),
  );
  const rows = measures.flatMap((measure) =>
    prompts.slice(0, measure.everyPrompt ? prompts.length : 1).map((promptTokens) => {
      const title = measure.everyPrompt ? `${measure.title}, prompt of ${promptTokens}` : measure.title;
      return [title, ...shown.map((runtime) => cell(results, runtime, cap, promptTokens, measure))];
    }),
  );
  const heading = [`${cap}% of the file`, ...shown.map((runtime) => runtimes[runtime].title)];
  return [heading, ...rows.filter((row) => row.slice(1).some((text) => text !== '-'))];
}

/** Median, lowest and highest; in how many runs it failed, where it did. */
function cell(
  results: Results,
  runtime: RuntimeName,
  cap: number,
  promptTokens: number,
  { name, show }: Measure,
): string {
  const records = runsOf(results, runtime, cap, promptTokens);
  const values = [...byRound(records, name).values()];
  const failures = new Set(records.flatMap(({ run }) => (run.failure === undefined ? [] : [run.failure])));
  if (values.length > 0 || failures.size === 0 || !speeds.has(name)) return spread(values, show);
  return [...failures].join(', ');
}

/** A failure is told where a speed is missing; other rows only have a dash. */
const speeds = new Set(['prefill', 'decode']);

function rooflineLines(results: Results, cap: number, prompts: readonly number[]): string[] {
  const rounds = rooflines(results, cap, prompts[0] ?? 0);
  const disks = results.disks.filter((record) => record.cap === cap);
  if (disks.length === 0) return ['the disk was not measured: install fio to see what share of its speed is reached'];
  const fastest = disks.reduce((best, disk) => (disk.speed.bytesPerSecond > best.speed.bytesPerSecond ? disk : best));
  const gigabytes = spread(
    disks.map(({ speed }) => speed.bytesPerSecond / 1e9),
    (value) => value.toFixed(2),
  );
  const lines = [`disk, by fio: ${gigabytes} GB/s; fastest with ${fastest.speed.how}`];
  if (rounds.length === 0) return [...lines, 'no roofline: it takes runs of moeflow with and without a cap'];
  const of = (key: keyof Roofline, scale: number, digits: number) =>
    spread(
      rounds.map((round) => round[key] * scale),
      (value) => value.toFixed(digits),
    );
  return [
    ...lines,
    `moeflow reads at this share of it while decoding: ${of('diskShare', 100, 0)} %`,
    `a token: ${of('reading', 1e3, 1)} ms to read its experts, ${of('computing', 1e3, 1)} ms to compute; measured ${of('measured', 1e3, 1)} ms`,
    `share of the roof that reads everything while it computes (the longer of the two): ${of('overlapped', 100, 0)} %`,
    `share of the roof that reads when it is needed (their sum): ${of('inTurn', 100, 0)} %`,
  ];
}

function rooflines(results: Results, cap: number, promptTokens: number): Roofline[] {
  const capped = runsOf(results, 'moeflow', cap, promptTokens);
  const bytes = byRound(capped, 'expert bytes per token');
  const resident = byRound(runsOf(results, 'resident', cap, promptTokens), 'decode');
  const disks = new Map(results.disks.filter((disk) => disk.cap === cap).map(({ round, speed }) => [round, speed]));
  return [...byRound(capped, 'decode')].flatMap(([round, speed]) => {
    const [bytesPerToken, residentSpeed, disk] = [bytes.get(round), resident.get(round), disks.get(round)];
    if (bytesPerToken === undefined || residentSpeed === undefined || !disk) return [];
    return [roofline({ speed, residentSpeed, bytesPerToken, diskSpeed: disk.bytesPerSecond })];
  });
}

function routeLines({ runs }: Results): string[] {
  const facts = runs.flatMap(({ run }) => (run.routes ? [routeFacts(run.routes)] : []));
  if (facts.length === 0) return [];
  const percent = (key: keyof RouteFacts) => `${(100 * median(facts.map((fact) => fact[key]))).toFixed(1)}%`;
  return [
    `routes while decoding: ${percent('reuse')} of a token's experts were used by the token before; prompt included, the most used quarter of a layer's experts had ${percent('quarterShare')} of the uses`,
  ];
}

/** Of the first round: the others have the same to say, in slightly different numbers. */
function noteLines({ runs }: Results): string[] {
  return runtimeNames.flatMap((runtime) => {
    const notes = runs.filter((record) => record.round === 1 && record.runtime === runtime).flatMap(withCap);
    return [...new Set(notes)].map((note) => `${runtimes[runtime].title}: ${note}`);
  });
}

function withCap({ cap, run }: RunRecord): string[] {
  return run.notes.map((note) => (cap === undefined ? note : `${note} (${cap}%)`));
}

function tokenLines({ runs }: Results): string[] {
  const generated = runs.map(({ run }) => run.tokens).filter((tokens) => tokens.length > 1);
  const [first, ...others] = generated;
  if (!first || others.length === 0) return [];
  const parting = others.map((tokens) =>
    tokens.findIndex((token, index) => index < first.length && token !== first[index]),
  );
  const earliest = Math.min(...parting.filter((index) => index >= 0));
  return [
    Number.isFinite(earliest)
      ? `greedy tokens: all runs agree up to token ${earliest}, then some part`
      : 'greedy tokens: all runs agree',
  ];
}
