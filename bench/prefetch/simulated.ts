/** How much faster the simulator says that a way to look ahead is than a cache that only reacts. */

import { compareCaches } from '../../lib/cache-sim/compare.js';
import type { CompareCachesOptions } from '../../lib/cache-sim/options.js';
import type { PrefetchStrategy } from '../../lib/experts/stats.js';
import { DECODE, PREFILL, type Trace, tokensOf, traceInMemory } from '../../lib/trace/trace.js';
import type { Routes } from '../offload/run.js';

export interface Simulated {
  routes: Routes;
  slots: number;
  /** Measured tokens per second with all experts in memory, and of `lru` that fetches nothing ahead. */
  resident: number;
  bare: number;
  strategy: PrefetchStrategy;
  predictor: string;
  /** Of the next layer's router, asked early. */
  gateAheadRecall: number;
}

/**
 * The speed of reads is what makes the simulation of `lru` as fast as it was measured; a layer's experts compute as long as
 * its share of a token with all in memory.
 *
 * @returns tokens per second of `plec` with the strategy, by those of `lru` without
 */
export async function simulatedSpeedUp(given: Simulated): Promise<number> {
  const { routes, resident, bare } = given;
  const trace = traceOf(routes);
  const expertSeconds = 1 / (resident * routes.layers * routes.k);
  const speed = async (bandwidth: number, options: Partial<CompareCachesOptions>) => {
    const [row] = await compareCaches(trace, {
      slots: [given.slots],
      cost: { bandwidth, expertSeconds },
      ...options,
    }).then((rows) => rows.filter(({ phase }) => phase === 'decode'));
    return row?.tokensPerSecond ?? Number.NaN;
  };
  let [slow, fast] = [1e6, 1e12]; // bytes per second
  for (let i = 0; i < 30; i++) {
    const middle = Math.round(Math.sqrt(slow * fast));
    if ((await speed(middle, { policies: ['lru'] })) < bare) slow = middle;
    else fast = middle;
  }
  const told = await speed(slow, { policies: ['plec'], prediction: predictionOf(given) });
  return told / (await speed(slow, { policies: ['lru'] }));
}

/** A blend counts as what it does for all layers but the next: the simulator has one source of predictions. */
function predictionOf({ strategy, predictor, gateAheadRecall }: Simulated): CompareCachesOptions['prediction'] {
  const { leastProbability, layersAhead } = strategy;
  if (leastProbability !== undefined) return { predictor, leastProbability };
  // A router names as many as it will use, so that it is as precise as it is complete.
  if (layersAhead > 0) return { recall: gateAheadRecall, precision: gateAheadRecall, layersAhead };
  return undefined;
}

function traceOf({ promptTokens, layers, k, experts, expertBytes, ids, chosen }: Routes): Trace {
  const header = { layers, experts, k, ranked: true, expertBytes };
  const tokens = tokensOf(header, Int32Array.from(chosen), {});
  return traceInMemory(header, {
    ...tokens,
    token: Int32Array.from(ids),
    phase: Uint8Array.from(ids, (_, i) => (i < promptTokens ? PREFILL : DECODE)),
  });
}
