/** What became of the experts that were asked for: in memory already, or read from the file. */

import type { NativeExpertCounters, NativeLayerCounters, NativeModelInfo } from '../native.js';

export interface ExpertStats extends NativeExpertCounters {
  /** The policy that decides which expert leaves memory, or `resident` when all stay. */
  policy: string;
  /** What is fetched ahead for generated tokens now: `auto` may have chosen `gate-ahead` or `none`. */
  prefetch: string;
  /** Experts that memory has places for. */
  slots: number;
  /** Bytes of these places. */
  budgetBytes: number;
  /** hits / (hits + lateHits + misses); 1 when all stay in memory. */
  hitRate: number;
}

/** The same of one layer. */
export interface LayerStats extends NativeLayerCounters {
  /** hits / (hits + lateHits + misses); 0 when nothing was asked for. */
  hitRate: number;
}

export const noExpertCounters: NativeExpertCounters = {
  hits: 0,
  lateHits: 0,
  misses: 0,
  prefetches: 0,
  wastedPrefetches: 0,
  bytesRead: 0,
  stallSeconds: 0,
  predictionSeconds: 0,
};

/** `sum` and what came between the counters `before` and `after`. */
export function addDifference(
  sum: NativeExpertCounters,
  before: NativeExpertCounters,
  after: NativeExpertCounters,
): NativeExpertCounters {
  return {
    hits: sum.hits + after.hits - before.hits,
    lateHits: sum.lateHits + after.lateHits - before.lateHits,
    misses: sum.misses + after.misses - before.misses,
    prefetches: sum.prefetches + after.prefetches - before.prefetches,
    wastedPrefetches: sum.wastedPrefetches + after.wastedPrefetches - before.wastedPrefetches,
    bytesRead: sum.bytesRead + after.bytesRead - before.bytesRead,
    stallSeconds: sum.stallSeconds + after.stallSeconds - before.stallSeconds,
    predictionSeconds: sum.predictionSeconds + after.predictionSeconds - before.predictionSeconds,
  };
}

export function expertStats(info: NativeModelInfo, counters: NativeExpertCounters, prefetch: string): ExpertStats {
  return {
    policy: info.policy,
    prefetch,
    slots: info.memory.expertSlots,
    budgetBytes: info.memory.expertBytes,
    ...counters,
    hitRate: info.policy === 'resident' ? 1 : hitRate(counters),
  };
}

/** 0 when nothing was asked for. */
export function hitRate({ hits, lateHits, misses }: NativeLayerCounters): number {
  return hits / (hits + lateHits + misses || 1);
}
