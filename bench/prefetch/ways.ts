import type { CacheOptions } from '../../lib/model/load-options.js';

/** A choice that a user can make once and for all, or leave to the engine. */
export interface Way {
  title: string;
  cache: CacheOptions;
  /** Whether the trained predictor is given. */
  predicts: boolean;
}

export const bare: Way = { title: 'lru, none', cache: { policy: 'lru', prefetch: 'none' }, predicts: false };
export const auto: Way = { title: 'auto', cache: { prefetch: 'auto' }, predicts: true };
export const fixed: readonly Way[] = [
  bare,
  { title: 'none', cache: { prefetch: 'none' }, predicts: false },
  { title: 'previous-token', cache: { prefetch: 'previous-token' }, predicts: false },
  { title: 'gate-ahead', cache: { prefetch: 'gate-ahead' }, predicts: false },
  { title: 'route-path', cache: { prefetch: 'route-path' }, predicts: true },
  { title: 'blend', cache: { prefetch: 'blend' }, predicts: true },
];

/** Those that a list names, and the one that all are compared with; all without a list. */
export function chosenWays(list: string | undefined): readonly Way[] {
  if (list === undefined) return fixed;
  const names = list.split(',');
  const unknown = names.find((name) => !fixed.some(({ title }) => title === name));
  if (unknown !== undefined) {
    throw new Error(
      `--ways ${unknown}: use some of ${fixed
        .slice(1)
        .map(({ title }) => title)
        .join(',')}`,
    );
  }
  return fixed.filter((way) => way === bare || names.includes(way.title));
}
