/** The options of a load: their types, their checks, and what the addon wants of them. */

import { type Policy, policies } from '../experts/policies.js';
import type { NativeLoadOptions } from '../native/model.js';
import { check, checkOptions } from '../options.js';
import { type SchedulingChoice, schedulingChoices } from '../scheduling/turns.js';
import { bytesOf } from '../sizes.js';

export interface LoadProgress {
  loadedBytes: number;
  totalBytes: number;
}

export interface CacheOptions {
  /** Which expert leaves when another one needs its place. Default `plec`. */
  policy?: Policy;
  /** For the policy `static`: [layer, expert] of those that stay, the most wanted first. Layers count from 0. */
  hot?: readonly (readonly [number, number])[];
  /**
   * What is fetched ahead while a token is generated; speed alone depends on it:
   * - `gate-ahead`: what the next layers' routers choose when they are asked early, as many layers ahead as turns out fastest;
   * - `previous-token`: what the token before used;
   * - `route-path`: what a predictor that was trained for the model finds probable, in all layers (ExpertFlow, arXiv 2410.17954);
   * - `blend`: the next layer's router, and for the layers after it the trained predictor;
   * - `none`;
   * - `auto` (default): whichever of these makes generating fastest, which is tried now and then.
   * `route-path` and `blend` need a predictor; `auto` tries them where there is one. The predictor works beside the
   * steps, which do not wait for it.
   * But for `none`, a prompt's next layer is always read ahead.
   */
  prefetch?: Prefetch;
}

export const prefetchModes = ['auto', 'gate-ahead', 'previous-token', 'route-path', 'blend', 'none'] as const;
export type Prefetch = (typeof prefetchModes)[number];

export interface LoadModelOptions {
  /** Threads that compute. Default: all processors that the process may use. */
  threads?: number;
  /** Most tokens of a sequence, prompt and answer together. Default: the model's own, at most 4096. */
  contextLength?: number;
  /** Most tokens computed in one step, all sequences together. Default 512. */
  batchTokens?: number;
  /** Generations that are under way at a time, at most; others wait for their turn. Default 16. */
  maxSequences?: number;
  /** Of these, those that one step generates a token for, at most. Default: all. */
  sequencesPerStep?: number;
  /**
   * Which of them that is: `fifo`, those that have waited longest; `regroup`, those that use the same experts, in turns of a few steps
   * (ExpertFlow's token scheduler); `auto` (default), whichever is faster, which it tries now and then.
   */
  scheduling?: SchedulingChoice;
  /** Generations that wait, at most: one more is a QueueFullError. Default 10000. */
  maxQueued?: number;
  /**
   * Tokens that the key/value cache has room for, all sequences together, at least `contextLength`. When they run out, the
   * newest generation pauses, and reads its tokens again later. Default: `contextLength`, and up to 16 times that where
   * memory is left over.
   */
  kvCacheTokens?: number;
  /** Precision of the key/value cache. Default `auto`: f16 for quantised models, f32 for float ones. */
  kvType?: 'auto' | 'f16' | 'f32';
  /**
   * Memory that the process may take, in bytes or as in "6GiB". What the model needs beyond its experts comes first; if the
   * rest does not hold them all, they come from the file when they are needed. Default: as much as the whole model takes,
   * or most of what is free (control groups included) if that is less.
   */
  ram?: number | string;
  /** How the experts in memory are chosen, where not all fit. */
  cache?: CacheOptions;
  /**
   * File of a predictor that "moeflow predictor train" has written: where experts are fetched ahead, they then are by what it
   * says too. `auto` (default) takes one that is beside the model, "model.predictor" for "model.gguf"; `none` takes none.
   */
  predictor?: 'auto' | 'none' | (string & {});
  /**
   * A memory above the process's own: `none` (default), or `emulated`, a part of this process's memory to which experts are
   * copied before they are used. That is no faster: it is for trying out how two tiers behave.
   */
  device?: 'none' | 'emulated';
  /** Memory of the device for experts, in bytes or as in "512MiB". An emulated device's is part of `ram`. */
  vram?: number | string;
  /** The most bytes per second that are copied to an emulated device. Default: no limit. */
  deviceBytesPerSecond?: number;
  /** Kernel set: `avx512`, `avx2`, `portable`, `reference`, ... Default: MOEFLOW_CPU, else the fastest. */
  cpu?: string;
  /** Aborts the load; the promise then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called while weights are read. What it throws ends the load, which then rejects with it. */
  onProgress?: (progress: LoadProgress) => void;
}

const checks = {
  threads: check.integer(1, 1024),
  contextLength: check.integer(1, 2 ** 24),
  batchTokens: check.integer(1, 2 ** 16),
  maxSequences: check.integer(1, 2 ** 16),
  sequencesPerStep: check.integer(1, 2 ** 16),
  maxQueued: check.integer(0, 2 ** 24),
  scheduling: check.oneOf(...schedulingChoices),
  kvCacheTokens: check.integer(1, 2 ** 40),
  kvType: check.oneOf('auto', 'f16', 'f32'),
  ram: check.size,
  cache: (value: unknown) =>
    checkOptions(
      value,
      { policy: check.oneOf(...policies), hot: check.expertPairs, prefetch: check.oneOf(...prefetchModes) },
      'cache',
    ),
  predictor: check.string,
  device: check.oneOf('none', 'emulated'),
  vram: check.size,
  deviceBytesPerSecond: check.number(1, 1e15),
  cpu: check.string,
  signal: check.signal,
  onProgress: check.function,
};

/** @throws InvalidArgumentError naming the option and what it must be; `what` are the options called */
export function checkLoadOptions(path: string | string[], options: LoadModelOptions, what: string): void {
  check.strings(path, 'path');
  checkOptions(options, checks, what);
}

export function nativeLoadOptions(path: string | string[], options: LoadModelOptions): NativeLoadOptions {
  return {
    paths: typeof path === 'string' ? [path] : path,
    threads: options.threads,
    contextLength: options.contextLength,
    kvCacheTokens: options.kvCacheTokens,
    batchRows: options.batchTokens,
    kernels: options.cpu ?? process.env.MOEFLOW_CPU ?? '',
    kvType: options.kvType,
    ram: bytesOf(options.ram),
    device: options.device,
    vram: bytesOf(options.vram),
    deviceBytesPerSecond: options.deviceBytesPerSecond,
    policy: options.cache?.policy,
    hotExperts: options.cache?.hot && Int32Array.from(options.cache.hot.flat()),
    prefetch: options.cache?.prefetch,
    readMethod: process.env.MOEFLOW_READ_METHOD || 'auto',
  };
}
