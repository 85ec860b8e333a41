/** Caches of experts at work on recorded routes. */

import type { NativeRoutePredictor } from './prediction.js';

/** Routes of tokens, in the order in which they were computed. */
export interface NativeRouteTrace {
  /** Layers with experts. */
  layers: number;
  /** Experts per layer. */
  experts: number;
  /** Experts per token and layer (k). */
  expertsUsed: number;
  /** [tokens][layers][k], flat; -1: not recorded. */
  routes: Int32Array;
  /** Tokens of each sequence in each step; absent: one. Tokens that come alone are generated ones, others prompts. */
  itemTokens?: Int32Array;
  /** Sequences of each step; absent: one. */
  stepItems?: Int32Array;
}

/** A cache to simulate; experts are numbered layer * experts + expert. */
export interface NativeSimulatedCache {
  policy: string;
  /** By class, and the class of each layer. */
  slots: Int32Array;
  slotClasses?: Int32Array;
  hot?: Int32Array;
}

/** Experts are numbered layer * experts + expert. */
export interface NativeSimulationOptions extends NativeRouteTrace {
  policy: string;
  /** By class, and the class of each layer. */
  slots: Int32Array;
  slotClasses?: Int32Array;
  hot?: Int32Array;
}

export interface NativeSimulatorOptions {
  layers: number;
  experts: number;
  expertsUsed: number;
  order: 'engine' | 'residents-first' | 'strict' | 'recorded';
  caches: NativeSimulatedCache[];
  prediction?: { recall: number; precision: number; layersAhead: number; seed: number | bigint };
  /** Instead of it. */
  trained?: { predictor: NativeRoutePredictor; leastProbability: number };
  cost?: { bytesPerSecond: number; secondsPerExpert: number; overlap: boolean };
  /** [layers] */
  expertBytes?: Float64Array;
}

/** Whole steps, in the order in which they were computed. */
export interface NativeRouteSteps {
  /** [tokens][layers][k], flat; -1: not recorded. */
  routes: Int32Array;
  /** Tokens of each step; absent: one. */
  stepTokens?: Int32Array;
  /** [tokens] 1 if it is being generated, 0 if it belongs to a prompt; absent: all are generated. */
  generating?: Uint8Array;
  /** For a trained predictor, [tokens]: ids, numbers of their sequences, and 1 for the last token of one. */
  ids?: Int32Array;
  sequences?: Int32Array;
  last?: Uint8Array;
}

export interface NativePhaseCounts {
  tokens: number;
  /** [layers] */
  hits: Float64Array;
  misses: Float64Array;
  /** Of the hits. */
  prefetchHits: Float64Array;
  prefetches: Float64Array;
  wastedPrefetches: number;
  /** By the cost model, else 0. */
  seconds: number;
  stallSeconds: number;
}

/** Works off this thread; one call at a time. */
export interface NativeCacheSimulator {
  push(steps: NativeRouteSteps): Promise<void>;
  emptyCaches(): Promise<void>;
  /** By cache. Nothing may follow. */
  finish(): Promise<{ prefill: NativePhaseCounts; decode: NativePhaseCounts }[]>;
}
