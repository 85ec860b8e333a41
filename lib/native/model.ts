/** Models as the addon knows them: what is asked of a file, what it says of itself, how memory is spent. */

import type { NativeRouteWeights } from './prediction.js';
import type {
  NativeCancelFlag,
  NativeExpertCounters,
  NativeForesight,
  NativePrediction,
  NativeStepCounters,
  NativeStepItem,
  NativeStepResult,
} from './step.js';

/** How experts are read from the file. */
export interface NativeReadOptions {
  readMethod?: string;
  /** Of one read, at most; a multiple of 4096. */
  readBytes?: number;
  /** Reads under way, at most. */
  readDepth?: number;
}

export interface NativeLoadOptions extends NativeReadOptions {
  paths: string[];
  threads?: number;
  contextLength?: number;
  /** That the key/value cache holds, all sequences together; 0: as many as there is memory to spare for. */
  kvCacheTokens?: number;
  batchRows?: number;
  kernels?: string;
  kvType?: 'auto' | 'f16' | 'f32';
  /** Bytes that the process may take. */
  ram?: number;
  policy?: string;
  /** Pairs of layer and expert, flat: for the policy `static`. */
  hotExperts?: Int32Array;
  prefetch?: string;
  /** Trained for the model; `route-path` and `blend` go by it. */
  predictor?: NativeRouteWeights;
  device?: string;
  /** Bytes of the device's memory. */
  vram?: number;
  /** The most that is copied to an emulated device; 0: no limit. */
  deviceBytesPerSecond?: number;
}

/** What describes a model without its weights. Sizes are bytes. */
export interface NativeModelFacts {
  architecture: string;
  name: string;
  paths: string[];
  fileBytes: number;
  layers: number;
  expertLayers: number;
  experts: number;
  expertsUsed: number;
  width: number;
  expertWidth: number;
  heads: number;
  kvHeads: number;
  vocabulary: number;
  trainedContextLength: number;
  expertBytes: number;
  denseBytes: number;
  /** Of one expert, for each layer with experts. */
  expertBytesByLayer: number[];
  smallestExpertBytes: number;
  largestExpertBytes: number;
  activeBytesPerToken: number;
  kvBytesPerTokenF16: number;
  kvBytesPerTokenF32: number;
  bytesByType: Record<string, number>;
  tensorsByType: Record<string, number>;
}

export interface NativeModelInfo extends NativeModelFacts {
  threads: number;
  contextLength: number;
  batchRows: number;
  kvType: 'f16' | 'f32';
  kernels: string;
  /** `resident` when all experts are in memory. */
  policy: string;
  /** Experts that the device's memory has places for; 0 without one. */
  deviceSlots: number;
  memory: NativeMemoryPlan;
}

/** How memory is spent, in bytes. */
export interface NativeMemoryPlan {
  /** For the whole process; 0 when there is none. */
  budgetBytes: number;
  /** The budget was not given: it is 15/16 of what the machine, or its control group, had left. */
  budgetChosen: boolean;
  /** Taken before the model and its predictor came. */
  processBytes: number;
  /** Weights that are not experts'. */
  denseBytes: number;
  /** Set aside for the key/value cache: for one sequence as long as the context, or for as many tokens as were asked for. */
  kvCacheBytes: number;
  /** That it may hold, all sequences together: more than these, where memory is left over. */
  kvCacheTokens: number;
  /** Activations of the largest step. */
  workspaceBytes: number;
  /** Places for experts in an emulated device's memory. */
  deviceBytes: number;
  /** Weights of a route predictor and what it works in; 0 without one. */
  predictorBytes: number;
  /** Places for experts. */
  expertBytes: number;
  /** How many experts have one. */
  expertSlots: number;
  /** How many the model has, all layers together. */
  experts: number;
  /** All experts are in memory from the beginning on. */
  allExperts: boolean;
}

export interface NativeTensor {
  name: string;
  type: string;
  shape: number[];
  file: string;
  offset: number;
  bytes: number;
}

export interface NativeInspection {
  metadata: Record<string, unknown>;
  tensors: NativeTensor[];
  /** Absent when the file's architecture or shape is not one that moeflow runs; then `problem` says why. */
  model?: NativeModelFacts;
  problem?: string;
}

export interface NativeReadSpeed {
  bytesPerSecond: number;
  /** How it was read: `io_uring` or `threads`. */
  method: string;
}

export interface NativeModel {
  info(): NativeModelInfo;
  metadata(): Promise<Record<string, unknown>>;
  createSequence(): Promise<number>;
  /** A sequence that begins with the first `length` tokens of another: whole blocks of them. */
  shareSequence(sequence: number, length: number): Promise<number>;
  freeSequence(sequence: number): Promise<void>;
  truncateSequence(sequence: number, length: number): Promise<void>;
  /** Of the key/value cache, of {@link kvBlockTokens} tokens each. */
  kvBlocksInUse(): number;
  step(items: NativeStepItem[], cancel?: NativeCancelFlag, predicted?: NativePrediction): Promise<NativeStepResult>;
  /**
   * Of all steps since the model was loaded, also those that were cancelled or failed; and how they know now what to
   * fetch ahead, absent when all experts are in memory.
   */
  counters(): NativeStepCounters & { foresight?: NativeForesight };
  /** [expert layers * experts]: uses by tokens since the model was loaded, and whether it is in this process's memory (1). */
  experts(): Promise<{ uses: Float64Array; inMemory: Uint8Array }>;
  /** Of each layer with experts, since the model was loaded; empty when all experts are in memory. */
  layerCounters(): Promise<NativeExpertCounters[]>;
  dispose(): Promise<void>;
}
