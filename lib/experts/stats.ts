/** What became of the experts that were asked for: in memory already, or read from the file. */

import type { NativeModelInfo } from '../native/model.js';
import type { NativeExpertCounters, NativeForesight, NativeStepCounters, NativeStrategy } from '../native/step.js';

export interface ExpertStats extends NativeExpertCounters {
  /** The policy that decides which expert leaves memory, or `resident` when all stay. */
  policy: string;
  /**
   * What is fetched ahead for generated tokens now: never `auto`, but what that has chosen. `prediction.inEffect` says
   * more of it.
   */
  prefetch: string;
  /** Seconds of the steps that were spent on knowing what to fetch ahead. */
  predictionSeconds: number;
  /** Experts that memory has places for. */
  slots: number;
  /** Bytes of these places. */
  budgetBytes: number;
  /** hits / (hits + lateHits + misses); 1 when all stay in memory. */
  hitRate: number;
}

/** Of the cache in a device's memory; what it reads comes from this process's memory. */
export interface DeviceStats extends NativeExpertCounters {
  /** Experts that it has places for, and the bytes of these places. */
  slots: number;
  budgetBytes: number;
  hitRate: number;
}

/** A way to know ahead what experts a step will need. */
export type PrefetchStrategy = NativeStrategy;

/** How steps know ahead what experts they will need. */
export interface PredictionStats extends NativeForesight {
  /** Forecasts of a trained predictor that came in time for their step. */
  forecasts: number;
  /** Steps that a forecast was wanted for, but went without, as none came in time. */
  lateForecasts: number;
  /** Seconds that the predictor has worked, beside the steps, which never wait for it. */
  forecastSeconds: number;
}

/** Of all experts of the layers that have some. */
export interface ExpertUses {
  layers: number;
  /** Experts per layer. */
  experts: number;
  /** [layers][experts], flat: how many tokens have used each since the model was loaded. */
  uses: Float64Array;
  /** Same shape: 1 for those in this process's memory now, else 0. */
  inMemory: Uint8Array;
}

/** Of one layer. */
export interface LayerStats extends NativeExpertCounters {
  /** hits / (hits + lateHits + misses); 0 when nothing was asked for. */
  hitRate: number;
}

const noExpertCounters: NativeExpertCounters = {
  hits: 0,
  lateHits: 0,
  misses: 0,
  prefetches: 0,
  wastedPrefetches: 0,
  bytesRead: 0,
  stallSeconds: 0,
};

export const noStepCounters: NativeStepCounters = {
  seconds: 0,
  predictionSeconds: 0,
  forecasts: 0,
  lateForecasts: 0,
  forecastSeconds: 0,
  experts: noExpertCounters,
  device: noExpertCounters,
};

export function sumOfExperts(a: NativeExpertCounters, b: NativeExpertCounters): NativeExpertCounters {
  return {
    hits: a.hits + b.hits,
    lateHits: a.lateHits + b.lateHits,
    misses: a.misses + b.misses,
    prefetches: a.prefetches + b.prefetches,
    wastedPrefetches: a.wastedPrefetches + b.wastedPrefetches,
    bytesRead: a.bytesRead + b.bytesRead,
    stallSeconds: a.stallSeconds + b.stallSeconds,
  };
}

export function sumOfSteps(a: NativeStepCounters, b: NativeStepCounters): NativeStepCounters {
  return {
    seconds: a.seconds + b.seconds,
    predictionSeconds: a.predictionSeconds + b.predictionSeconds,
    forecasts: a.forecasts + b.forecasts,
    lateForecasts: a.lateForecasts + b.lateForecasts,
    forecastSeconds: a.forecastSeconds + b.forecastSeconds,
    experts: sumOfExperts(a.experts, b.experts),
    device: sumOfExperts(a.device, b.device),
  };
}

export interface TierStats {
  /** Seconds that were spent computing: without waiting for experts. */
  computeSeconds: number;
  /** Experts in this process's memory. */
  experts: ExpertStats;
  /** Experts in the memory of a device, if there is one. */
  device?: DeviceStats;
  /** How it is known ahead what experts are needed; absent when all are in memory. */
  prediction?: PredictionStats;
}

export function tierStats(
  info: NativeModelInfo,
  counters: NativeStepCounters,
  foresight: NativeForesight | undefined,
): TierStats {
  const { seconds, predictionSeconds, forecasts, lateForecasts, forecastSeconds, experts, device } = counters;
  const { policy, memory, deviceSlots } = info;
  // Computing waits for the device's cache only, where there is one.
  const stalled = deviceSlots > 0 ? device.stallSeconds : experts.stallSeconds;
  return {
    computeSeconds: seconds - stalled,
    experts: {
      policy,
      prefetch: foresight?.inEffect.prefetch ?? 'none',
      slots: memory.expertSlots,
      budgetBytes: memory.expertBytes,
      ...experts,
      predictionSeconds,
      hitRate: policy === 'resident' ? 1 : hitRate(experts),
    },
    ...(deviceSlots > 0
      ? { device: { slots: deviceSlots, budgetBytes: memory.deviceBytes, ...device, hitRate: hitRate(device) } }
      : {}),
    ...(foresight && { prediction: { ...foresight, forecasts, lateForecasts, forecastSeconds } }),
  };
}

/** 0 when nothing was asked for. */
export function hitRate({ hits, lateHits, misses }: NativeExpertCounters): number {
  return hits / (hits + lateHits + misses || 1);
}
