/** What a loaded model tells about itself. */

import type { NativeMemoryPlan, NativeModelInfo } from '../native/model.js';
import type { FoundPredictor } from './find-predictor.js';

export interface MemoryUse extends Omit<NativeMemoryPlan, 'budgetBytes'> {
  /** That the process may take; undefined when none was given and the whole model fits in what is free. */
  budgetBytes: number | undefined;
}

export interface ModelInfo {
  architecture: string;
  name: string;
  paths: string[];
  layers: number;
  /** Layers with experts. */
  expertLayers: number;
  /** Experts per layer. */
  experts: number;
  /** Experts that each token uses per layer (k). */
  expertsUsed: number;
  /** Of the largest expert; layers of mixed files differ. */
  bytesPerExpert: number;
  /** Of one expert, for each layer with experts. */
  bytesPerExpertByLayer: number[];
  /** Bytes of all experts, and of everything else. */
  expertBytes: number;
  denseBytes: number;
  /** Weight bytes that one generated token reads. */
  activeBytesPerToken: number;
  /** Bytes of tensors by type, e.g. { Q4_K: 123, F32: 45 }. */
  quantTypes: Record<string, number>;
  vocabulary: number;
  /** Tokens of a sequence in this load, and those that the model was trained for. */
  contextLength: number;
  trainedContextLength: number;
  /** Bytes of key/value cache per token. */
  kvBytesPerToken: number;
  kvType: 'f16' | 'f32';
  /** How memory is spent, in bytes. */
  memory: MemoryUse;
  /** File of the route predictor in use, or of the one beside the model that is of no use, and why. */
  predictor?: { path: string; problem?: string };
  threads: number;
  /** The kernel set in use. */
  cpu: string;
}

export function memoryUse(native: NativeMemoryPlan): MemoryUse {
  return { ...native, budgetBytes: native.budgetBytes || undefined };
}

export function modelInfo(native: NativeModelInfo, predictor?: FoundPredictor): ModelInfo {
  return {
    architecture: native.architecture,
    name: native.name,
    paths: native.paths,
    layers: native.layers,
    expertLayers: native.expertLayers,
    experts: native.experts,
    expertsUsed: native.expertsUsed,
    bytesPerExpert: native.largestExpertBytes,
    bytesPerExpertByLayer: native.expertBytesByLayer,
    expertBytes: native.expertBytes,
    denseBytes: native.denseBytes,
    activeBytesPerToken: native.activeBytesPerToken,
    quantTypes: native.bytesByType,
    vocabulary: native.vocabulary,
    contextLength: native.contextLength,
    trainedContextLength: native.trainedContextLength,
    kvBytesPerToken: native.kvType === 'f16' ? native.kvBytesPerTokenF16 : native.kvBytesPerTokenF32,
    kvType: native.kvType,
    memory: memoryUse(native.memory),
    ...(predictor
      ? { predictor: { path: predictor.path, ...(predictor.problem ? { problem: predictor.problem } : {}) } }
      : {}),
    threads: native.threads,
    cpu: native.kernels,
  };
}
