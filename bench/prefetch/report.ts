import type { Run } from '../offload/run.js';
import { spread } from '../shared/statistics.js';
import { table } from '../shared/table.js';
import type { Way } from './ways.js';

export async function report(runs: ReadonlyMap<Way | undefined, Run[]>, _predictor: string): Promise<string[]> {
  const of = (list: Run[], name: string) => list.flatMap(({ measures }) => measures.get(name) ?? []);
  const rows = [...runs].map(([way, list]) => [
    way?.title ?? 'no cap',
    spread(of(list, 'decode'), (x) => x.toFixed(2)),
    spread(of(list, 'decode, second half'), (x) => x.toFixed(2)),
    spread(of(list, 'hit rate'), (x) => x.toFixed(3)),
    spread(of(list, 'late hits'), (x) => x.toFixed(3)),
    spread(of(list, 'expert bytes per token'), (x) => (x / 1e6).toFixed(1)),
    spread(of(list, 'stalled'), (x) => (1e3 * x).toFixed(2)),
  ]);
  return table([['', 'tokens/s', 'second half', 'hits', 'late hits', 'MB/token', 'stalled ms/token'], ...rows]);
}
