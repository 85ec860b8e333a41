/** What a GGUF file holds, read from its header alone. */

import { fromNative } from '../errors.js';
import { nativeAddon } from '../native/addon.js';
import type { NativeModelFacts, NativeTensor } from '../native/model.js';
import { check } from '../options.js';

export interface Inspection {
  metadata: Record<string, unknown>;
  tensors: NativeTensor[];
  /** Sizes and shape of the model; absent when moeflow cannot run it, and then `problem` says why. */
  model?: NativeModelFacts;
  problem?: string;
}

/**
 * Reads the header of a GGUF file or of all shards of a model, and checks it. Path as for {@link loadModel}.
 *
 * @throws InvalidFileError, UnsupportedError or MoeflowError `IO` when the file is not a sound GGUF file
 */
export async function inspectModel(path: string | string[]): Promise<Inspection> {
  check.strings(path, 'path');
  try {
    return await nativeAddon().inspect({ paths: typeof path === 'string' ? [path] : path });
  } catch (error) {
    throw fromNative(error);
  }
}
