/** Cache hits of recorded routes, by the very rules that the engine's own cache follows. */

import { fromNative } from '../errors.js';
import { type Policy, policies } from '../experts/policies.js';
import { nativeAddon } from '../native/addon.js';
import type { NativeRouteTrace } from '../native/cache-sim.js';
import { check, checkOptions } from '../options.js';
import { numberOf } from './options.js';

export type RouteTrace = NativeRouteTrace;

export interface CacheSimulationOptions {
  /** A policy of the engine, or `belady`: the optimum, which knows the future. Default `plec`. */
  policy?: Policy | 'belady';
  /** Experts that memory has places for; of each class where `slotClasses` is given. */
  slots: number | Int32Array;
  /** [layers]: the class of a layer's slots. Layers of one class share them. Default: all share all. */
  slotClasses?: Int32Array;
  /** For `static`: [layer, expert] of those that stay, the most wanted first. */
  hot?: readonly (readonly [number, number])[];
}

export interface CacheSimulation {
  /** Experts that were in memory when a layer asked for them; one per layer, step and expert. */
  hits: number;
  misses: number;
  /** hits / (hits + misses); 0 for an empty trace. */
  hitRate: number;
  layers: { hits: number; misses: number }[];
}

const traceChecks = {
  layers: check.integer(1, 2 ** 16),
  experts: check.integer(1, 2 ** 16),
  expertsUsed: check.integer(1, 2 ** 16),
  routes: check.int32Array,
  itemTokens: check.int32Array,
  stepItems: check.int32Array,
};

const optionChecks = {
  policy: check.oneOf(...policies, 'belady'),
  slots: (value: unknown, name: string) =>
    value instanceof Int32Array ? undefined : check.integer(1, 2 ** 24)(value, name),
  slotClasses: check.int32Array,
  hot: check.expertPairs,
};

/**
 * Which of the trace's requests for experts would have been hits in a cache. For an engine that fetches nothing ahead these
 * are its own counters, to the last hit.
 *
 * @throws InvalidArgumentError naming the option, or the place in the trace
 */
export async function simulateCache(trace: RouteTrace, options: CacheSimulationOptions): Promise<CacheSimulation> {
  checkOptions(trace, traceChecks, 'trace');
  checkOptions(options, optionChecks, 'simulateCache options');
  const { policy = 'plec', slots, slotClasses, hot } = options;
  try {
    const { hits, misses } = await nativeAddon().simulateCache({
      ...trace,
      policy,
      slots: typeof slots === 'number' ? Int32Array.of(slots) : slots,
      slotClasses,
      hot: hot && Int32Array.from(hot, ([layer, expert]) => numberOf(layer, expert, trace)),
    });
    const layers = Array.from(hits, (count, layer) => ({ hits: count, misses: misses[layer] ?? 0 }));
    const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
    const [allHits, allMisses] = [sum(hits), sum(misses)];
    return { hits: allHits, misses: allMisses, hitRate: allHits / (allHits + allMisses || 1), layers };
  } catch (error) {
    throw fromNative(error);
  }
}
