/** What predictions are worth to a cache: hits against bytes. */

import { compareCaches } from '../../lib/cache-sim/compare.js';
import type { CompareCachesOptions } from '../../lib/cache-sim/options.js';
import type { Holdout } from '../../lib/trace/holdout.js';
import { DECODE, type Trace } from '../../lib/trace/trace.js';
import type { Predictor } from '../../predictor/file/predictor-file.js';

export interface CachePoint {
  /** Policy, and the least probability of what is fetched ahead where there are predictions. */
  name: string;
  leastProbability?: number;
  hitRate: number;
  /** Experts read, by those that `lru` reads one by one in rising order. */
  reads: number;
}

export const leastProbabilities = [0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9];

/**
 * Caches of each layer's own, on the sequences that the predictor has not seen. `reads` of 1 are those of a
 * least-recently-used cache that is asked for the experts of a step one by one.
 */
export async function cacheCurve(
  trace: Trace,
  predictor: Predictor,
  { slots, batch, holdout }: { slots: number; batch: number; holdout: Holdout },
): Promise<CachePoint[]> {
  const decoded = asDecoded(trace);
  const run = async (options: Partial<CompareCachesOptions>) => {
    const rows = await compareCaches(decoded, {
      slots: [slots],
      scope: 'layer',
      batches: [batch],
      holdout,
      ...options,
    });
    return rows.map(({ policy, hitRate, misses, prefetches }) => ({ policy, hitRate, loads: misses + prefetches }));
  };
  const [strict] = await run({ policies: ['lru'], order: 'strict' });
  const reference = strict?.loads ?? 1;
  const point = (name: string, { hitRate, loads }: { hitRate: number; loads: number }) => ({
    name,
    hitRate,
    reads: loads / reference,
  });
  const points: CachePoint[] = [point('lru, one by one', strict as { hitRate: number; loads: number })];
  for (const row of await run({ policies: ['lru', 'plec', 'belady'] })) points.push(point(row.policy, row));
  for (const leastProbability of leastProbabilities) {
    const rows = await run({ policies: ['plec', 'belady'], prediction: { predictor, leastProbability } });
    for (const row of rows) points.push({ ...point(`${row.policy}, predictions`, row), leastProbability });
  }
  return points;
}

/** Texts that were only read count as prompts, of which nothing is predicted; here each token has its turn. */
function asDecoded(trace: Trace): Trace {
  return {
    ...trace,
    async *chunks() {
      for await (const tokens of trace.chunks()) {
        yield { ...tokens, phase: new Uint8Array(tokens.phase.length).fill(DECODE) };
      }
    },
  };
}
