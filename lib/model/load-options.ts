/** The options of a load: their types, their checks, and what the addon wants of them. */

import type { NativeLoadOptions } from '../native.js';
import { check, checkOptions } from '../options.js';
import { parseSize } from '../sizes.js';

export interface LoadProgress {
  loadedBytes: number;
  totalBytes: number;
}

export interface CacheOptions {
  /**
   * Which expert leaves when another one needs its place: `lfu` (default), the one used least often, where a use counts half
   * as much after a dozen tokens, or `lru`, the one unused for the longest time.
   */
  policy?: 'lru' | 'lfu';
  /**
   * What is fetched ahead: `gate-ahead` (default) lets the next layer's router choose by what this layer's experts read, and
   * for a prompt of many tokens takes all experts; or `none`. Speed alone depends on it.
   */
  prefetch?: 'gate-ahead' | 'none';
}

export interface LoadModelOptions {
  /** Threads that compute. Default: all processors that the process may use. */
  threads?: number;
  /** Most tokens of a sequence, prompt and answer together. Default: the model's own, at most 4096. */
  contextLength?: number;
  /** Most tokens computed in one step, all sequences together. Default 512. */
  batchTokens?: number;
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
  kvType: check.oneOf('auto', 'f16', 'f32'),
  ram: check.size,
  cache: (value: unknown) =>
    checkOptions(value, { policy: check.oneOf('lru', 'lfu'), prefetch: check.oneOf('gate-ahead', 'none') }, 'cache'),
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
    batchRows: options.batchTokens,
    kernels: options.cpu ?? process.env.MOEFLOW_CPU ?? '',
    kvType: options.kvType,
    ram: typeof options.ram === 'string' ? parseSize(options.ram) : options.ram,
    policy: options.cache?.policy,
    prefetch: options.cache?.prefetch !== 'none',
    readMethod: process.env.MOEFLOW_READ_METHOD || 'auto',
  };
}
