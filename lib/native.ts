/** The one file that loads the C++ addon and knows its types. Everything else takes these interfaces. */

import { createRequire } from 'node:module';
import { MoeflowError } from './errors.js';
import { packageRoot } from './package-root.js';

/** Tokens of a block of the key/value cache: kKvBlock in native/model/batch.h. */
export const kvBlockTokens = 16;

/** How experts are read from the file. */
export interface NativeReadOptions {
  readMethod?: string;
  /** Of one read, at most; a multiple of 4096. */
  readBytes?: number;
  /** Reads under way, at most. */
  readDepth?: number;
}

/** Of a model's routes. */
export interface NativeRouteShape {
  /** Layers with experts. */
  layers: number;
  /** Experts per layer. */
  experts: number;
  /** Experts per token and layer (k). */
  expertsUsed: number;
}

/** The mean routes of token ids; `outputs` are layers * experts. */
export interface NativeTokenTable {
  /** Ids that have rows of their own, rising. */
  tableTokens: Int32Array;
  /** [tableTokens + 1][outputs] shares of the id's tokens that use the expert, of 255; the first row is that of other ids. */
  table: Uint8Array;
  /** [tableTokens + 1] how many tokens that is of: 0 for none, to 4 for 32 and more. */
  tableBuckets: Uint8Array;
}

/**
 * The weights of a trained route predictor, row by row; native/prediction/route_predictor.h says what is computed from
 * them. `outputs` are layers * experts, and there are two heads: what the token uses, and what is used soon after it.
 */
export interface NativeRouteWeights extends NativeRouteShape, NativeTokenTable {
  /** Values that stand for a token's id. */
  tokenWidth: number;
  /** Values of the hidden layer. */
  hidden: number;
  /** Ids that have rows of their own, rising. */
  tokens: Int32Array;
  /** [tokens + 1][tokenWidth] of the token itself; the first row is that of unknown tokens. */
  current: Float32Array;
  /** The same of the token before. */
  previous: Float32Array;
  /** [tokenWidth][hidden] */
  currentMatrix: Float32Array;
  previousMatrix: Float32Array;
  /** [5][hidden] by the length of the match. */
  lengths: Float32Array;
  /** [hidden] */
  hiddenBias: Float32Array;
  /** [6][outputs][hidden] */
  views: Float32Array;
  /** [hidden][2][outputs] */
  output: Float32Array;
  /** [2][outputs] */
  outputBias: Float32Array;
  /** [8][5][2][outputs] by view and length of the match; of the table's view by its bucket. */
  direct: Float32Array;
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

/**
 * What a step's tokens will probably use: for each layer with experts a set, the most probable first, or probabilities
 * [expert layers * experts], of which those of 0 are left out. A hint: it moves bytes, never a result.
 */
export type NativePrediction = Int32Array[] | Float32Array;

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

export interface NativeStepResult {
  items: NativeStepItemResult[];
  spent: NativeStepCounters;
}

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

export interface NativeCancelFlag {
  cancel(): void;
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

/** A kernel at work on data of no meaning, for benchmarks. */
export interface NativeKernelProblem {
  /** Runs the kernel once, on this thread; a product takes the next of its matrices. */
  run(): void;
  /** That one run reads and writes; of a product the weights alone. */
  readonly bytes: number;
  /** Of one run; 0 for kernels that arithmetic does not bound. */
  readonly multiplications: number;
}

export interface NativeKernelProblemOptions {
  kernels?: string;
  kernel?: 'matmul' | 'attention' | 'quantize' | 'rms_norm' | 'silu_multiply' | 'clamped_swiglu' | 'add_scaled';
  /** Of the weights, or of the cache (F16 or F32). */
  type?: string;
  /** Values of an activation row, or of an attention head. */
  cols: number;
  /** Rows of a weight matrix. */
  rows?: number;
  /** Activation rows, or queries of one head. */
  tokens?: number;
  /** So many that they do not fit in the processor's cache, or 1 to stay there. */
  matrices?: number;
  /** In the cache that attention reads. */
  positions?: number;
}

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

/** Experts are numbered layer * experts + expert. */
export interface NativeSimulationOptions extends NativeRouteTrace {
  policy: string;
  /** By class, and the class of each layer. */
  slots: Int32Array;
  slotClasses?: Int32Array;
  hot?: Int32Array;
}

/** A cache to simulate; experts are numbered layer * experts + expert. */
export interface NativeSimulatedCache {
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

/** Rows of a data set, side by side. */
export interface NativeRouteBatch {
  /** [rows] */
  tokens: Int32Array;
  /** [rows] the tokens before them, -1 for none. */
  before: Int32Array;
  /** [rows] 0 to 4. */
  matchLengths: Int32Array;
  /** [rows] 0 to 4: how many tokens the table's view is of. */
  tableBuckets: Int32Array;
  /** [views][rows][layers * experts]: previous, matched, recurring, fast, medium, slow, succeeding, table. */
  views: Float32Array;
  /** [rows][layers * experts] 1 for what the token used. */
  targets: Float32Array;
  /** [rows][layers * experts] 1 for what the next token used, half as much with every token more until the next use. */
  later: Float32Array;
}

/** What is made of weights; it has no methods of its own. */
export interface NativeRoutePredictor {
  readonly constructor: unknown;
}

/** Recorded sequences as rows to learn from: a row for each token whose route is known, in the order they were added. */
export interface NativeRouteDataset {
  /** A sequence from its beginning on; routes are [tokens][layers][k], below 0 where not known. Returns its rows. */
  add(tokens: Int32Array, routes: Int32Array): number;
  /**
   * Learns the mean routes of ids from these rows, and from nothing else. The table's view is of them from then on, without
   * what was learned of the row's own sequence. Returns those of the most frequent ids, 16 MiB at most.
   */
  learnTable(rows: Int32Array): NativeTokenTable;
  batch(rows: Int32Array): NativeRouteBatch;
  /** [rows][layers * experts] probabilities. */
  predict(predictor: NativeRoutePredictor, rows: Int32Array): Float32Array;
  /** The same of what is used soon after: see `later` of a batch. */
  predictLater(predictor: NativeRoutePredictor, rows: Int32Array): Float32Array;
}

export interface NativeAddon {
  RoutePredictor: new (weights: NativeRouteWeights) => NativeRoutePredictor;
  RouteDataset: new (shape: NativeRouteShape) => NativeRouteDataset;
  Model: {
    load(
      options: NativeLoadOptions,
      cancel?: NativeCancelFlag,
      onProgress?: (loadedBytes: number, totalBytes: number) => void,
    ): Promise<NativeModel>;
  };
  CancelFlag: new () => NativeCancelFlag;
  KernelProblem: new (options: NativeKernelProblemOptions) => NativeKernelProblem;
  /** Once the flag is set, what it is asked for ends with CANCELLED. */
  CacheSimulator: new (
    options: NativeSimulatorOptions,
    cancel?: NativeCancelFlag,
  ) => NativeCacheSimulator;
  inspect(options: { paths: string[] }): Promise<NativeInspection>;
  plan(options: NativeLoadOptions): Promise<NativeMemoryPlan>;
  /** By layer. */
  simulateCache(options: NativeSimulationOptions): Promise<{ hits: Float64Array; misses: Float64Array }>;
  measureReadBandwidth(options: { threads?: number }): Promise<number>;
  /** Reads all over a file, past the page cache, for so many seconds (at most 1). */
  measureReads(
    options: NativeReadOptions & { path: string; seconds: number },
    cancel?: NativeCancelFlag,
  ): Promise<NativeReadSpeed>;
  dequantize(type: string, bytes: Uint8Array): Float32Array;
  residentBytes(): number;
  availableKernels: string;
  /** Fastest first. */
  availableReadMethods: string;
  usableProcessors: number;
}

let loaded: NativeAddon | undefined;

/**
 * The addon, loaded at the first call: from MOEFLOW_ADDON if that is set, else the local build, else the prebuilt
 * package of this platform.
 *
 * @throws MoeflowError `ADDON_NOT_FOUND` with every place that was tried and why it failed
 */
export function nativeAddon(): NativeAddon {
  loaded ??= findAddon();
  return loaded;
}

function findAddon(): NativeAddon {
  const require = createRequire(import.meta.url);
  const override = process.env.MOEFLOW_ADDON;
  const places: [string, () => unknown][] = override
    ? [[`MOEFLOW_ADDON=${override}`, () => require(override)]]
    : [
        ['local build', () => require('bindings')({ bindings: 'moeflow', module_root: packageRoot() })],
        [platformPackage(), () => require(`${platformPackage()}/moeflow.node`)],
      ];
  const failures: string[] = [];
  for (const [place, load] of places) {
    try {
      return load() as NativeAddon;
    } catch (error) {
      failures.push(`${place}: ${firstLine(error)}`);
    }
  }
  throw new MoeflowError(
    'ADDON_NOT_FOUND',
    `moeflow's native addon could not be loaded. ${failures.join('. ')}. Build it with "npx moeflow-build", or in a clone with "npm run build"`,
  );
}

function platformPackage(): string {
  return `@moeflow/${process.platform}-${process.arch}`;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
