/** One model of a provider: loaded when it is first asked for, once for all who ask. */

import { AISDKError } from '@ai-sdk/provider';
import { DisposedError, MoeflowError } from '../errors.js';
import { loadModel } from '../model/load.js';
import type { Model } from '../model/model.js';
import type { Origin } from './settings.js';

export class ModelLoader {
  readonly #origin: Origin;
  readonly #end = new AbortController();
  #loading: Promise<Model> | undefined;
  #disposed: Promise<void> | undefined;

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  /**
   * The model. A load that failed is forgotten, so that the next call tries again. A call that is aborted leaves at once; the
   * load goes on for others.
   *
   * @throws AISDKError with moeflow's error as its cause, or the reason of `signal`
   */
  async load(signal?: AbortSignal): Promise<Model> {
    signal?.throwIfAborted();
    if (this.#disposed) throw notLoaded(new DisposedError('the provider was disposed of'));
    this.#loading ??= this.#start().catch((error) => {
      this.#loading = undefined;
      throw error instanceof MoeflowError ? notLoaded(error) : error;
    });
    return unlessAborted(this.#loading, signal);
  }

  /** Ends a load under way, and gives back the memory of a model that was loaded here. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #start(): Promise<Model> {
    if ('model' in this.#origin) return this.#origin.model;
    const { path, options } = this.#origin;
    const signals = options.signal ? [options.signal, this.#end.signal] : [this.#end.signal];
    return loadModel(path, { ...options, signal: AbortSignal.any(signals) });
  }

  async #dispose(): Promise<void> {
    this.#end.abort(new DisposedError('the provider was disposed of'));
    const model = await this.#loading?.catch(() => undefined);
    // A model that came from outside belongs to whoever has loaded it.
    if (!('model' in this.#origin)) await model?.dispose();
  }
}

function notLoaded(cause: MoeflowError): AISDKError {
  return new AISDKError({ name: 'AI_MoeflowError', message: `the model cannot be loaded: ${cause.message}`, cause });
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', abort));
}
