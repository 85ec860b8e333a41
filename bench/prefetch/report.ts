import type { Run } from '../offload/run.js';
import { median, spread } from '../shared/statistics.js';
import { table } from '../shared/table.js';
import { simulatedSpeedUp } from './simulated.js';
import { auto, bare, fixed, type Way } from './ways.js';

/** @param runs by way, undefined for all in memory; in the order of rounds */
export async function report(runs: ReadonlyMap<Way | undefined, Run[]>, predictor: string): Promise<string[]> {
  const of = (list: Run[], name: string) => list.flatMap(({ measures }) => measures.get(name) ?? []);
  const rows = [...runs].map(([way, list]) => [
    way?.title ?? 'all in memory',
    spread(of(list, 'decode'), (x) => x.toFixed(2)),
    spread(of(list, 'decode, second half'), (x) => x.toFixed(2)),
    spread(of(list, 'hit rate'), (x) => x.toFixed(3)),
    spread(of(list, 'late hits'), (x) => x.toFixed(3)),
    spread(of(list, 'expert bytes per token'), (x) => (x / 1e6).toFixed(1)),
    spread(of(list, 'stalled'), (x) => (1e3 * x).toFixed(2)),
  ]);
  const head = ['', 'tokens/s', 'second half', 'hits', 'late hits', 'MB/token', 'waited, ms/token'];
  return [...table([head, ...rows]), ...(await comparisons(runs, predictor))];
}

async function comparisons(runs: ReadonlyMap<Way | undefined, Run[]>, predictor: string): Promise<string[]> {
  const speeds = (way: Way | undefined, name = 'decode') =>
    (runs.get(way) ?? []).map(({ measures }) => measures.get(name) ?? Number.NaN);
  const lines: string[] = [];
  for (const [name, what] of [
    ['decode', 'whole runs'],
    ['decode, second half', 'second halves'],
  ] as const) {
    const best = fixed
      .filter((way) => runs.has(way))
      .reduce((a, b) => (median(speeds(b, name)) > median(speeds(a, name)) ? b : a));
    // Of rounds, so that a machine that slows down slows both.
    const ratio = median(speeds(auto, name).map((speed, i) => speed / (speeds(best, name)[i] as number)));
    lines.push(`${what}: auto is ${ratio.toFixed(3)} times as fast as the best fixed way, ${best.title}`);
  }
  const name = 'decode, second half';
  const measured = median(speeds(auto, name).map((speed, i) => speed / (speeds(bare, name)[i] as number)));
  const simulated = [];
  for (const [i, run] of (runs.get(auto) ?? []).entries()) {
    const { routes, strategy, measures } = run;
    const slots = measures.get('slots');
    if (!routes || !strategy || slots === undefined) continue;
    const recall = runs.get(fixed.find(({ title }) => title === 'gate-ahead'))?.[i]?.measures.get('gate-ahead');
    const [resident, reacting] = [speeds(undefined, name)[i] as number, speeds(bare, name)[i] as number];
    const given = { routes, slots, resident, bare: reacting, strategy, predictor, gateAheadRecall: recall ?? 1 };
    simulated.push(await simulatedSpeedUp(given));
  }
  lines.push(
    `second halves: auto is ${measured.toFixed(2)} times as fast as lru that fetches nothing ahead; simulated: ${median(simulated).toFixed(2)}`,
  );
  return lines;
}
