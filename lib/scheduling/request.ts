/** One request on its way through the engine: what it has read, what it has made, and who waits for it. */

import { noStepCounters, sumOfSteps } from '../experts/stats.js';
import type { TokenConstraint } from '../generation/constraint.js';
import type { NativeSampling, NativeStepCounters, NativeStepItem, NativeStepItemResult } from '../native/step.js';
import type { Candidate, PlannedItem } from './plan.js';
import type { Habit } from './turns.js';

/** What the scheduler reports to whoever asked. Nothing follows `onEnd` or `onError`. */
export interface RequestListener {
  /**
   * A new token, with the log probabilities of itself and of the most likely ones if they are wanted. Returns why the
   * request is over, or undefined to go on.
   */
  onToken?(token: number, likely?: Int32Array, logProbabilities?: Float32Array): 'stop' | 'length' | undefined;
  /** Of the tokens that come next, in order, each once. */
  onRouting?(experts: Int32Array, weights: Float32Array): void;
  /** The same of logits, from the token on of which they are wanted. */
  onLogits?(logits: Float32Array): void;
  /** `length`: there is all that was wanted; without sampling, when all tokens were read. */
  onEnd(reason: 'stop' | 'length'): void;
  onError(error: unknown): void;
  /** False while the reader is behind: the request then waits. */
  wantsMore?(): boolean;
}

export interface RequestOptions {
  prompt: Int32Array;
  /** How tokens are drawn; none are without. */
  sampling?: NativeSampling;
  /** Of how many most likely tokens the log probabilities are wanted beside that of each drawn one. */
  likely?: number;
  /** Which tokens may be drawn; when it is complete, the request is over. */
  constraint?: TokenConstraint;
  /** Index of the first token whose logits are wanted. */
  logitsFrom?: number;
  routing?: boolean;
  /** Higher ones go first. */
  priority?: number;
}

let requests = 0;

export class Request implements Candidate {
  readonly prompt: Int32Array;
  readonly priority: number;
  readonly mayShare: boolean;
  /** Native sequence, while it has one. */
  sequence: number | undefined;
  /** How many of its tokens the sequence has read. */
  read = 0;
  lastTurn = -1;
  /** In the order of arrival. */
  readonly number: number;
  /** What experts it uses by habit, where somebody wants to know; given when it begins. */
  habit: Habit | undefined;
  over = false;
  distinctExperts = 0;
  /** Over the steps that this request took part in, alone or with others. */
  counters = noStepCounters;
  /** When its first step began. */
  started: number | undefined;
  /** Tokens of the prompt that another sequence had read for it. */
  sharedTokens = 0;
  /** How often it had to give up its place in the key/value cache. */
  pauses = 0;

  readonly #options: RequestOptions;
  readonly #listener: RequestListener;
  /** The prompt, and what was generated; with room for more. */
  #tokens: Int32Array;
  #length: number;
  /** Tokens that were read for the first time: after a pause they are read again. */
  #reported = 0;

  constructor(options: RequestOptions, listener: RequestListener) {
    this.prompt = options.prompt;
    this.priority = options.priority ?? 0;
    this.number = requests++;
    this.mayShare = !options.routing && options.logitsFrom === undefined;
    this.#options = options;
    this.#listener = listener;
    this.#tokens = options.prompt;
    this.#length = options.prompt.length;
  }

  get tokens(): Int32Array {
    return this.#tokens.subarray(0, this.#length);
  }

  get stalled(): boolean {
    return this.#listener.wantsMore?.() === false;
  }

  /** It has a sequence now, which has read so much already. */
  begin(sequence: number, sharedTokens: number): void {
    this.sequence = sequence;
    this.read = sharedTokens;
    this.started ??= performance.now();
    if (this.pauses === 0) this.sharedTokens = sharedTokens;
  }

  /** Its sequence is gone; it will begin anew. */
  pause(): void {
    this.sequence = undefined;
    this.read = 0;
    this.pauses++;
  }

  /** What a step is to do for it. */
  stepItem({ tokens }: PlannedItem<Request>): NativeStepItem {
    const { sampling, constraint, likely, routing, logitsFrom } = this.#options;
    const end = this.read + tokens;
    const draws = end === this.#length && sampling !== undefined;
    return {
      sequence: this.sequence as number,
      tokens: this.#tokens.subarray(this.read, end),
      ...(draws ? { sample: sampling, allowed: constraint?.allowed(), likely } : {}),
      logitsFrom: logitsFrom !== undefined && logitsFrom < end ? Math.max(0, logitsFrom - this.read) : undefined,
      routing: routing || (draws && this.habit !== undefined),
    };
  }

  /** Takes in the result of a step that read `count` of its tokens. What goes wrong with that is this request's end alone. */
  accept(count: number, result: NativeStepItemResult, spent: NativeStepCounters): void {
    try {
      this.#accept(count, result, spent);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    this.#end(() => this.#listener.onError(error));
  }

  #accept(count: number, result: NativeStepItemResult, spent: NativeStepCounters): void {
    const known = Math.min(count, Math.max(0, this.#reported - this.read));
    this.read += count;
    this.#reported = Math.max(this.#reported, this.read);
    this.counters = sumOfSteps(this.counters, spent);
    this.distinctExperts = result.distinctExperts;
    this.#report(result, known, count);
    if (result.token >= 0) this.#take(result);
    else if (!this.#options.sampling && this.read === this.#length) this.#end(() => this.#listener.onEnd('length'));
  }

  /** What is new of a step's tokens, of which the first `known` ones were read before. */
  #report({ experts, weights, logits }: NativeStepItemResult, known: number, count: number): void {
    const { onRouting, onLogits } = this.#listener;
    if (experts) this.habit?.add(experts);
    if (this.#options.routing && experts && weights && known < count) {
      const at = (experts.length / count) * known;
      onRouting?.call(this.#listener, experts.subarray(at), weights.subarray(at));
    }
    if (logits && known < count) {
      const rows = count - Math.max(0, (this.#options.logitsFrom ?? 0) - (this.read - count));
      const row = logits.length / rows;
      onLogits?.call(this.#listener, logits.subarray(row * Math.max(0, known - (count - rows))));
    }
  }

  #take({ token, likelyTokens, logProbabilities }: NativeStepItemResult): void {
    if (this.#length === this.#tokens.length) {
      const larger = new Int32Array(2 * this.#length + 64);
      larger.set(this.#tokens);
      this.#tokens = larger;
    }
    this.#tokens[this.#length++] = token;
    const complete = this.#options.constraint?.accept(token) === 'complete';
    const over = this.#listener.onToken?.(token, likelyTokens, logProbabilities);
    // What is complete with the last token that it may have is complete.
    const reason = complete ? 'stop' : over;
    if (reason) this.#end(() => this.#listener.onEnd(reason));
  }

  #end(report: () => void): void {
    if (this.over) return;
    this.over = true;
    try {
      report();
    } catch (error) {
      this.#listener.onError(error);
    }
  }
}
