/** The one file that loads the C++ addon; its neighbours know its types, and everything else takes these. */

import { createRequire } from 'node:module';
import { MoeflowError } from '../errors.js';
import { packageRoot } from '../package-root.js';
import type { NativeCacheSimulator, NativeSimulationOptions, NativeSimulatorOptions } from './cache-sim.js';
import type { NativeKernelProblem, NativeKernelProblemOptions } from './kernels.js';
import type {
  NativeInspection,
  NativeLoadOptions,
  NativeMemoryPlan,
  NativeModel,
  NativeReadOptions,
  NativeReadSpeed,
} from './model.js';
import type { NativeRouteDataset, NativeRoutePredictor, NativeRouteShape, NativeRouteWeights } from './prediction.js';
import type { NativeCancelFlag } from './step.js';

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
