/** What a load would do with memory, without loading. */

import { fromNative } from '../errors.js';
import { nativeAddon } from '../native/addon.js';
import { findPredictor } from './find-predictor.js';
import { type MemoryUse, memoryUse } from './info.js';
import { checkLoadOptions, type LoadModelOptions, nativeLoadOptions } from './load-options.js';

/**
 * How {@link loadModel} would spend memory with these options in this process, from the header of the file alone.
 *
 * @throws as loadModel; InvalidArgumentError for a budget that is too small names the smallest that works
 */
export async function planMemory(path: string | string[], options: LoadModelOptions = {}): Promise<MemoryUse> {
  checkLoadOptions(path, options, 'planMemory options');
  try {
    const wanted = nativeLoadOptions(path, options);
    const predictor = await findPredictor(options.predictor ?? 'auto', wanted);
    return memoryUse(await nativeAddon().plan({ ...wanted, predictor: predictor?.weights }));
  } catch (error) {
    throw fromNative(error);
  }
}
