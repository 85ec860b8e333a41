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
