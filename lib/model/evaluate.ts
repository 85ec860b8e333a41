/** Logits and routes of given tokens, for tests and research. */

import type { RoutingRecord } from '../generation/result.js';
import { check, checkOptions } from '../options.js';
import { Request } from '../scheduling/request.js';
import type { Scheduler } from '../scheduling/scheduler.js';
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

/** @throws the reason of `options.signal`, and what ends a request */
export async function evaluate(
  scheduler: Scheduler,
  info: ModelInfo,
  tokens: Int32Array,
  options: EvaluateOptions,
): Promise<Evaluation> {
  checkOptions(options, { from: check.integer(0, tokens.length - 1), signal: check.signal }, 'evaluate options');
  const { signal, from = 0 } = options;
  signal?.throwIfAborted();
  const { vocabulary, expertLayers: layers, expertsUsed: k } = info;
  const logits = new Collected(new Float32Array((tokens.length - from) * vocabulary));
  const experts = new Collected(new Int32Array(tokens.length * layers * k));
  const weights = new Collected(new Float32Array(tokens.length * layers * k));
  let abort = () => {};
  await new Promise<void>((resolve, reject) => {
    const request = new Request(
      { prompt: tokens, logitsFrom: from, routing: true },
      {
        onLogits: (rows) => logits.add(rows),
        onRouting: (ids, factors) => {
          experts.add(ids);
          weights.add(factors);
        },
        onEnd: () => resolve(),
        onError: reject,
      },
    );
    abort = () => scheduler.cancel(request, signal?.reason);
    signal?.addEventListener('abort', abort);
    scheduler.add(request);
  }).finally(() => signal?.removeEventListener('abort', abort));
  const routing = { tokens: tokens.length, layers, k, experts: experts.all, weights: weights.all };
  return { logits: logits.all, vocabulary, routing };
}

/** An array that is filled from its beginning on. */
class Collected<List extends { readonly length: number; set(more: ArrayLike<number>, at: number): void }> {
  readonly all: List;
  #length = 0;

  constructor(all: List) {
    this.all = all;
  }

  add(more: ArrayLike<number>): void {
    this.all.set(more, this.#length);
    this.#length += more.length;
  }
}
