/** Caches of several policies and sizes, compared on one trace: what each would have hit, read and waited for. */

import { fromNative } from '../errors.js';
import { nativeAddon } from '../native/addon.js';
import type { NativeCacheSimulator, NativePhaseCounts, NativeSimulatorOptions } from '../native/cache-sim.js';
import type { NativeCancelFlag } from '../native/step.js';
import type { Trace } from '../trace/trace.js';
import { type Capacity, capacityOfBytes, capacityOfSlots, type Scope } from './capacity.js';
import { chosenChunks } from './chunks.js';
import { type CompareCachesOptions, checkedOptions, type SimulatedPolicy } from './options.js';
import { type StepFormer, stepsAsRecorded, stepsSideBySide, withEnds } from './steps.js';
import { RouteSummary } from './summary.js';

/** What one cache did to the tokens of one phase. */
export interface CacheRow {
  policy: SimulatedPolicy;
  scope: Scope;
  /** Experts that memory has places for: in all, or of each layer where the scope is `layer`. */
  slots: number;
  /** Of all experts, the share that has a place. */
  share: number;
  /** The bytes asked for; null where slots were. */
  capacityBytes: number | null;
  /** Sequences side by side. */
  batch: number;
  phase: 'prefill' | 'decode';
  tokens: number;
  /** Uses of experts: hits and misses. One per expert, layer and step, or by the order of access. */
  accesses: number;
  hits: number;
  /** hits / accesses; 0 without any. */
  hitRate: number;
  misses: number;
  missesPerToken: number;
  /** Of the hits, those that a prediction had fetched. */
  prefetchHits: number;
  /** Experts that were fetched ahead, and of these, those that were never used. */
  prefetches: number;
  wastedPrefetches: number;
  /** Experts that were read: misses and prefetches; null for the order `residents-first`, which does not say. */
  loads: number | null;
  /** Of these; null also if the sizes of experts are not known. */
  bytes: number | null;
  bytesPerToken: number | null;
  /** By the cost model; null without one. */
  seconds: number | null;
  stallSeconds: number | null;
  tokensPerSecond: number | null;
}

/**
 * Simulates every policy with every capacity and batch in one pass over the trace, or in two where something has to be known
 * beforehand: how long sequences are, for batches and caches that begin empty; or which experts are used most, for `static`
 * without a list. By the rules of the engine's own cache, off this thread. A worker that is terminated ends when the chunk under way,
 * or for `belady` the whole trace, has been simulated: abort `signal` first.
 *
 * @returns rows by batch, policy, capacity and phase; phases without tokens are left out
 * @throws InvalidArgumentError naming the option, or the place in the trace
 */
export async function compareCaches(trace: Trace, options: CompareCachesOptions): Promise<CacheRow[]> {
  const chosen = checkedOptions(options, trace);
  const { batches, scope, signal } = chosen;
  const capacities = [
    ...chosen.slots.map((slots) => capacityOfSlots(trace, slots, scope)),
    ...chosen.bytes.map((bytes) => capacityOfBytes(trace, bytes, scope, chosen.expertBytes as number[])),
  ];
  const grouped = chosen.emptyPerSequence || batches.some((batch) => batch > 1);
  const trained = chosen.trained && (await trainedPrediction(chosen.trained, trace));
  const needsHot = chosen.policies.includes('static') && !chosen.hot;
  const summary = grouped || needsHot || trained ? await summaryOf(trace, chosen) : undefined;
  const hot = Int32Array.from(chosen.hot ?? (needsHot ? (summary as RouteSummary).mostUsed() : []));

  // No list can be made of no uses; nor is there anything to count.
  if (needsHot && hot.length === 0) return [];
  const flag = new (nativeAddon().CancelFlag)();
  const abort = () => flag.cancel();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const simulations = batches.map((batch) => ({
      batch,
      former: formerFor(trace, chosen, batch, summary),
      simulators: chosen.policies.map((policy) =>
        simulatorFor(trace, { ...chosen, trained }, policy, capacities, hot, flag),
      ),
    }));
    for await (const tokens of chosenChunks(trace, chosen, signal)) {
      await Promise.all(simulations.map(({ former, simulators }) => simulate(simulators, former.add(tokens))));
    }
    const rows: CacheRow[] = [];
    for (const { batch, former, simulators } of simulations) {
      await simulate(simulators, former.end());
      const results = await Promise.all(simulators.map((simulator) => simulator.finish()));
      for (const [i, policy] of chosen.policies.entries()) {
        results[i]?.forEach((counts, size) => {
          const cache = { policy, capacity: capacities[size] as Capacity, scope, batch };
          for (const phase of ['prefill', 'decode'] as const) {
            if (counts[phase].tokens > 0) rows.push(rowOf(cache, phase, counts[phase], chosen));
          }
        });
      }
    }
    signal?.throwIfAborted();
    return rows;
  } catch (error) {
    signal?.throwIfAborted();
    throw fromNative(error);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

export type Chosen = ReturnType<typeof checkedOptions>;

/** @throws InvalidFileError for a predictor of another model */
export async function trainedPrediction({ predictor, leastProbability }: NonNullable<Chosen['trained']>, trace: Trace) {
  const { readFitting, checkFits } = await import('../../predictor/fits.js');
  const read = typeof predictor === 'string' ? await readFitting(predictor, trace) : predictor;
  if (typeof predictor !== 'string') checkFits(predictor, trace, 'prediction.predictor');
  return { predictor: new (nativeAddon().RoutePredictor)(read.weights), leastProbability };
}

function formerFor(trace: Trace, chosen: Chosen, batch: number, summary: RouteSummary | undefined): StepFormer {
  const { promptTokens, emptyPerSequence } = chosen;
  const lengths = summary?.lengths ?? new Map<number, number>();
  const former =
    batch === 1 && !emptyPerSequence
      ? stepsAsRecorded(trace, promptTokens)
      : stepsSideBySide(trace, { batch, promptTokens, lengths, begins: emptyPerSequence });
  if (!chosen.trained) return former;
  // What is known of a sequence is forgotten when it is over.
  const missing = new Map(lengths);
  return { add: (tokens) => withEnds(former.add(tokens), missing), end: () => withEnds(former.end(), missing) };
}

/** Of one policy, at all capacities: policies work beside each other, on several processors. */
export function simulatorFor(
  trace: Trace,
  { order, madeUp, trained, cost, expertBytes }: Omit<Chosen, 'trained'> & Pick<NativeSimulatorOptions, 'trained'>,
  policy: SimulatedPolicy,
  capacities: readonly Capacity[],
  hot: Int32Array,
  flag: NativeCancelFlag,
): NativeCacheSimulator {
  const options = {
    layers: trace.layers,
    experts: trace.experts,
    expertsUsed: trace.k,
    order,
    caches: capacities.map(({ classes }) => ({ policy, ...classes, ...(policy === 'static' ? { hot } : {}) })),
    prediction: madeUp,
    trained,
    cost,
    expertBytes: expertBytes && Float64Array.from(expertBytes),
  };
  return new (nativeAddon().CacheSimulator)(options, flag);
}

export async function simulate(
  simulators: readonly NativeCacheSimulator[],
  steps: ReturnType<StepFormer['add']>,
): Promise<void> {
  for (const { begins, ...step } of steps) {
    if (begins) await Promise.all(simulators.map((simulator) => simulator.emptyCaches()));
    await Promise.all(simulators.map((simulator) => simulator.push(step)));
  }
}

async function summaryOf(trace: Trace, chosen: Chosen): Promise<RouteSummary> {
  const summary = new RouteSummary(trace);
  for await (const tokens of chosenChunks(trace, chosen, chosen.signal)) summary.add(tokens);
  return summary;
}

export function rowOf(
  { policy, scope, batch, capacity }: { policy: SimulatedPolicy; scope: Scope; batch: number; capacity: Capacity },
  phase: 'prefill' | 'decode',
  counts: NativePhaseCounts,
  { expertBytes, cost, order }: Chosen,
): CacheRow {
  const { tokens, wastedPrefetches, seconds, stallSeconds } = counts;
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
  const [hits, misses, prefetches] = [sum(counts.hits), sum(counts.misses), sum(counts.prefetches)];
  // That order counts what is there when a layer begins, not what is read again after it was driven out.
  const known = order !== 'residents-first';
  const bytes =
    expertBytes && known
      ? expertBytes.reduce(
          (total, size, layer) => total + size * ((counts.misses[layer] ?? 0) + (counts.prefetches[layer] ?? 0)),
          0,
        )
      : null;
  return {
    policy,
    scope,
    slots: capacity.slots,
    share: capacity.share,
    capacityBytes: capacity.capacityBytes ?? null,
    batch,
    phase,
    tokens,
    accesses: hits + misses,
    hits,
    hitRate: hits / (hits + misses || 1),
    misses,
    missesPerToken: misses / tokens,
    prefetchHits: sum(counts.prefetchHits),
    prefetches,
    wastedPrefetches,
    loads: known ? misses + prefetches : null,
    bytes,
    bytesPerToken: bytes === null ? null : bytes / tokens,
    seconds: cost ? seconds : null,
    stallSeconds: cost ? stallSeconds : null,
    tokensPerSecond: cost ? tokens / seconds : null,
  };
}
