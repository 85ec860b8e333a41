/** One generation on its way through the engine: what it has read, what it has made, and who waits for it. */

import { noStepCounters, sumOfSteps } from '../experts/stats.js';
import type { NativeSampling, NativeStepCounters, NativeStepItemResult } from '../native.js';

/** What the scheduler reports to whoever asked. All but `wantsMore` are called at most once per token or end. */
export interface RequestListener {
  /** A new token. Returns why the request is over, or undefined to go on. */
  onToken(token: number): 'stop' | 'length' | undefined;
  onRouting(experts: Int32Array, weights: Float32Array): void;
  /** The request is over. Nothing follows. */
  onEnd(reason: 'stop' | 'length'): void;
  onError(error: unknown): void;
  /** False while the reader is behind: the request then waits. */
  wantsMore(): boolean;
}

export class Request {
  readonly prompt: Int32Array;
  readonly sampling: NativeSampling;
  readonly routing: boolean;
  readonly listener: RequestListener;
  /** Native sequence, once it has one. */
  sequence: number | undefined;
  /** Tokens that no step has read yet. */
  pending: Int32Array;
  distinctExperts = 0;
  /** Over the steps that this request took part in, alone or with others. */
  counters = noStepCounters;
  over = false;

  constructor(prompt: Int32Array, sampling: NativeSampling, routing: boolean, listener: RequestListener) {
    this.prompt = prompt;
    this.pending = prompt;
    this.sampling = sampling;
    this.routing = routing;
    this.listener = listener;
  }

  /** Counts a step in. */
  countStep(spent: NativeStepCounters): void {
    this.counters = sumOfSteps(this.counters, spent);
  }

  /** Takes in the result of a step that read `count` of the pending tokens. */
  accept(count: number, result: NativeStepItemResult): void {
    this.pending = this.pending.subarray(count);
    this.distinctExperts = result.distinctExperts;
    if (result.experts && result.weights) this.listener.onRouting(result.experts, result.weights);
    if (result.token < 0) return;
    this.pending = Int32Array.of(result.token);
    const reason = this.listener.onToken(result.token);
    if (reason) this.end(() => this.listener.onEnd(reason));
  }

  fail(error: unknown): void {
    this.end(() => this.listener.onError(error));
  }

  private end(report: () => void): void {
    if (this.over) return;
    this.over = true;
    report();
  }
}
