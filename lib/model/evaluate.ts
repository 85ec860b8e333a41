/** Logits and routes of given tokens, for tests and research. */

import { DisposedError, fromNative, MoeflowError } from '../errors.js';
import type { RoutingRecord } from '../generation/result.js';
import type { NativeAddon, NativeModel } from '../native.js';
import { check, checkOptions } from '../options.js';
import type { ModelInfo } from './info.js';

export interface EvaluateOptions {
  /** Index of the first token whose logits are wanted. Default 0: all. */
  from?: number;
  /** Aborts within one layer; the promise then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface Evaluation {
  /** [tokens - from][vocabulary], flat: row i is about the token after index from + i. */
  logits: Float32Array;
  vocabulary: number;
  routing: RoutingRecord;
}

export async function evaluate(
  addon: NativeAddon,
  native: NativeModel,
  info: ModelInfo,
  tokens: Int32Array,
  options: EvaluateOptions,
): Promise<Evaluation> {
  checkOptions(options, { from: check.integer(0, tokens.length - 1), signal: check.signal }, 'evaluate options');
  const { signal } = options;
  signal?.throwIfAborted();
  const from = options.from ?? 0;
  const flag = new addon.CancelFlag();
  const abort = () => flag.cancel();
  signal?.addEventListener('abort', abort, { once: true });
  let sequence: number | undefined;
  try {
    sequence = await native.createSequence();
    return await run(native, info, sequence, tokens, from, flag);
  } catch (cause) {
    signal?.throwIfAborted();
    const error = fromNative(cause);
    // Without a signal, only disposing of the model cancels.
    throw error instanceof MoeflowError && error.code === 'CANCELLED' ? new DisposedError() : error;
  } finally {
    signal?.removeEventListener('abort', abort);
    if (sequence !== undefined) await free(native, sequence);
  }
}

/** The sequence is gone already, and the call throws, if the model was disposed of. */
async function free(native: NativeModel, sequence: number): Promise<void> {
  try {
    await native.freeSequence(sequence);
  } catch {}
}

async function run(
  native: NativeModel,
  info: ModelInfo,
  sequence: number,
  tokens: Int32Array,
  from: number,
  flag: { cancel(): void },
): Promise<Evaluation> {
  const { vocabulary, expertLayers: layers, expertsUsed: k } = info;
  const logits = new Float32Array((tokens.length - from) * vocabulary);
  const experts = new Int32Array(tokens.length * layers * k);
  const weights = new Float32Array(experts.length);
  const perStep = native.info().batchRows;
  for (let at = 0; at < tokens.length; at += perStep) {
    const chunk = tokens.subarray(at, at + perStep);
    const logitsFrom = from < at + chunk.length ? Math.max(0, from - at) : -1;
    const { items } = await native.step([{ sequence, tokens: chunk, logitsFrom, routing: true }], flag);
    const result = items[0];
    if (result?.logits) logits.set(result.logits, (at + logitsFrom - from) * vocabulary);
    if (result?.experts) experts.set(result.experts, at * layers * k);
    if (result?.weights) weights.set(result.weights, at * layers * k);
  }
  return { logits, vocabulary, routing: { tokens: tokens.length, layers, k, experts, weights } };
}
