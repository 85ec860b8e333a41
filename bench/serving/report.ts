import { spread } from '../shared/statistics.js';
import { table } from '../shared/table.js';
import type { Arrival } from './arrivals.js';

/** Of each request, when its tokens came, in seconds from its arrival. */
export interface Served {
  seconds: number;
  served: number[][];
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export interface Figures {
  firstToken: [number, number];
  betweenTokens: [number, number];
  tokensPerSecond: number;
}

/** p50 and p95 of the time to the first token and of the times between tokens, and tokens per second of the whole run. */
export function figures({ seconds, served }: Served): Figures {
  const first = served.map((times) => times[0] as number);
  const between = served.flatMap((times) => times.slice(1).map((time, i) => time - (times[i] as number)));
  const tokens = served.reduce((sum, times) => sum + times.length, 0);
  return {
    firstToken: [quantile(first, 0.5), quantile(first, 0.95)],
    betweenTokens: [quantile(between, 0.5), quantile(between, 0.95)],
    tokensPerSecond: tokens / seconds,
  };
}

export function checkServed(arrivals: readonly Arrival[], { served }: Served): void {
  arrivals.forEach(({ tokens }, i) => {
    if (served[i]?.length !== tokens) throw new Error(`request ${i} got ${served[i]?.length} tokens of ${tokens}`);
  });
}

export function report(runs: ReadonlyMap<string, readonly Figures[]>): string[] {
  const ms = (seconds: number) => (seconds * 1000).toFixed(0);
  const head = ['', 'first token, ms: p50', 'p95', 'between tokens, ms: p50', 'p95', 'tokens/s'];
  const rows = [...runs].map(([way, list]) => [
    way,
    spread(
      list.map(({ firstToken }) => firstToken[0]),
      ms,
    ),
    spread(
      list.map(({ firstToken }) => firstToken[1]),
      ms,
    ),
    spread(
      list.map(({ betweenTokens }) => betweenTokens[0]),
      ms,
    ),
    spread(
      list.map(({ betweenTokens }) => betweenTokens[1]),
      ms,
    ),
    spread(
      list.map(({ tokensPerSecond }) => tokensPerSecond),
      (x) => x.toFixed(1),
    ),
  ]);
  return table([head, ...rows]);
}
