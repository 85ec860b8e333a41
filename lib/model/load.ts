/** Loading a model. */

import { fromNative } from '../errors.js';
import { readSettings } from '../experts/read-settings.js';
import { nativeAddon } from '../native/addon.js';
import { findPredictor } from './find-predictor.js';
import { checkLoadOptions, type LoadModelOptions, nativeLoadOptions } from './load-options.js';
import { Model } from './model.js';

/**
 * Loads a Mixture-of-Experts model from a GGUF file: its path, the path of any of its shards, a directory that holds
 * one model, or the paths of all shards. The event loop is not blocked meanwhile.
 *
 * @throws InvalidArgumentError for a wrong option, InvalidFileError or UnsupportedError for the file, MoeflowError `IO`
 * or `OUT_OF_MEMORY` from the system, and the reason of `options.signal` once that is aborted
 */
export async function loadModel(path: string | string[], options: LoadModelOptions = {}): Promise<Model> {
  checkLoadOptions(path, options, 'loadModel options');
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const addon = nativeAddon();
  const flag = new addon.CancelFlag();
  let givenUp: { reason: unknown } | undefined;
  const giveUp = (reason: unknown) => {
    givenUp ??= { reason };
    flag.cancel();
  };
  const abort = () => giveUp(signal?.reason);
  const report = (loadedBytes: number, totalBytes: number) => {
    try {
      onProgress?.({ loadedBytes, totalBytes });
    } catch (error) {
      giveUp(error);
    }
  };
  signal?.addEventListener('abort', abort, { once: true });
  const started = performance.now();
  try {
    const wanted = nativeLoadOptions(path, options);
    const reads = await readSettings(addon, wanted, flag);
    const predictor = await findPredictor(options.predictor ?? 'auto', wanted);
    const predicting = { ...wanted, ...reads, predictor: predictor?.weights };
    const native = await addon.Model.load(predicting, flag, onProgress && report);
    const metadata = await native.metadata();
    if (givenUp) await native.dispose();
    if (givenUp) throw givenUp.reason;
    const seconds = (performance.now() - started) / 1000;
    return new Model(addon, native, metadata, { seconds, predictor, limits: options });
  } catch (error) {
    throw givenUp ? givenUp.reason : fromNative(error);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
