/** Steps of the engine, and what they cost. */

/** Tokens of a block of the key/value cache: kKvBlock in native/model/batch.h. */
export const kvBlockTokens = 16;

export interface NativeSampling {
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  repeatPenalty?: number;
  seed?: number | bigint;
}

export interface NativeStepItem {
  sequence: number;
  tokens: Int32Array;
  sample?: NativeSampling;
  /** [vocabulary / 8, rounded up] bits of the tokens that may be drawn, the lowest bit of each byte first. */
  allowed?: Uint8Array;
  /** How many of the most likely tokens' log probabilities are wanted, beside the drawn token's. */
  likely?: number;
  logitsFrom?: number;
  routing?: boolean;
}

export interface NativeStepItemResult {
  /** The sampled token, -1 if none was asked for. */
  token: number;
  /** (layer, expert) pairs that the sequence has used so far. */
  distinctExperts: number;
  /** The drawn token and the most likely ones, if `likely` was given, */
  likelyTokens?: Int32Array;
  /** and their log probabilities: of the model itself, before temperature, penalties and filters. */
  logProbabilities?: Float32Array;
  /** [tokens - logitsFrom][vocabulary] */
  logits?: Float32Array;
  /** [tokens][expert layers][k] */
  experts?: Int32Array;
  weights?: Float32Array;
}

export interface NativeStepResult {
  items: NativeStepItemResult[];
  spent: NativeStepCounters;
}

/**
 * What a step's tokens will probably use: for each layer with experts a set, the most probable first, or probabilities
 * [expert layers * experts], of which those of 0 are left out. A hint: it moves bytes, never a result.
 */
export type NativePrediction = Int32Array[] | Float32Array;

/** What became of the experts that layers asked for. */
export interface NativeExpertCounters {
  /** Experts that were in memory when a layer asked for them; one per layer, step and expert. */
  hits: number;
  /** That were on their way. */
  lateHits: number;
  /** That had to be asked for. */
  misses: number;
  /** Experts that were fetched ahead and have come, and how many of them left without having been used. */
  prefetches: number;
  wastedPrefetches: number;
  /** Bytes read from the file for them. */
  bytesRead: number;
  /** Seconds in which the computation waited for reads. */
  stallSeconds: number;
}

/** What steps have cost. */
export interface NativeStepCounters {
  /** That they took, whether or not they came to an end. */
  seconds: number;
  /** Of these, spent on knowing what to fetch ahead. */
  predictionSeconds: number;
  /** Forecasts of a route predictor that came in time for their step, and steps whose forecast did not. */
  forecasts: number;
  lateForecasts: number;
  /** That its thread has worked, beside the steps. */
  forecastSeconds: number;
  /** In this process's memory; zero when all are. */
  experts: NativeExpertCounters;
  /** In a device's memory; zero without one. */
  device: NativeExpertCounters;
}

/** A way to know ahead what experts steps will need. */
export interface NativeStrategy {
  /** `gate-ahead`, `previous-token`, `route-path`, `blend` or `none`. */
  prefetch: string;
  /** Layers whose routers are asked before their turn. */
  layersAhead: number;
  /** What a predictor finds less probable is not fetched; absent where none is asked. */
  leastProbability?: number;
}

export interface NativeForesight {
  inEffect: NativeStrategy;
  /** With the seconds of a step in the last trial, the mean without the slowest; empty before the first. */
  tried: (NativeStrategy & { stepSeconds: number })[];
  /** By how many layers before their turn routers were asked: experts that they chose then, and those of them that they chose in their turn. */
  gateAhead: { layersAhead: number; choices: number; right: number }[];
  /** Why the predictor is not asked any more. */
  failure?: string;
}

export interface NativeCancelFlag {
  cancel(): void;
}
