/** A running generation: an async iterable of text pieces with a promise of the result. */

import { MoeflowError } from '../errors.js';
import type { TierStats } from '../experts/stats.js';
import type { Request, RequestListener } from '../scheduling/request.js';
import type { Scheduler } from '../scheduling/scheduler.js';
import type { StreamingDetokenizer } from '../tokenizer/index.js';
import type { GenerateOptions } from './options.js';
import type { FinishReason, GenerationResult, GenerationStats, RoutingRecord } from './result.js';
import type { StopStrings } from './stop-strings.js';

/** Pieces that may wait for a reader before the generation pauses. */
const mostUnreadPieces = 64;

/** What a generation needs from its model. */
export interface GenerationSetting {
  detokenizer: StreamingDetokenizer;
  stopStrings: StopStrings;
  isEndOfGeneration(token: number): boolean;
  /** Most tokens that fit: maxTokens, or what the context has left. */
  maxTokens: number;
  seed: number | bigint;
  /** The stats that do not depend on this generation, filled at its end. */
  statsOf(
    request: Request,
  ): Pick<GenerationStats, 'loadSeconds' | 'residentBytes' | 'expertsUsed' | 'expertsTotal'> & TierStats;
  routingShape: { layers: number; k: number };
}

/**
 * Iterate it for the text as it comes, await `result` for the whole. Leaving the loop early ends the native work. It
 * starts at once; once a reader has begun, it runs at most a few dozen pieces ahead of it.
 */
export class Generation implements AsyncIterable<string> {
  /** The whole result. Rejects with the error, or with the signal's reason. */
  readonly result: Promise<GenerationResult>;

  readonly #options: GenerateOptions;
  readonly #setting: GenerationSetting;
  readonly #scheduler: Scheduler;
  readonly #request: Request;
  readonly #started = performance.now();
  readonly #pieces: string[] = [];
  readonly #tokens: number[] = [];
  readonly #routes: { experts: Int32Array; weights: Float32Array }[] = [];
  #text = '';
  #firstToken = 0;
  #lastToken = 0;
  #iterating = false;
  #unread = 0;
  #outcome: { result: GenerationResult } | { error: unknown } | undefined;
  #notify: (() => void) | undefined;
  #settle!: { resolve(result: GenerationResult): void; reject(error: unknown): void };

  constructor(
    options: GenerateOptions,
    setting: GenerationSetting,
    scheduler: Scheduler,
    createRequest: (listener: RequestListener) => Request,
  ) {
    this.#options = options;
    this.#setting = setting;
    this.#scheduler = scheduler;
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever only iterates gets the error there; it must not also count as unhandled.
    this.result.catch(() => {});
    this.#request = createRequest(this.#listener());
    this.#start();
  }

  /** Ends the generation after the tokens so far, as if the model had stopped. */
  stop(): void {
    this.#endEarly('stop');
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    this.#iterating = true;
    let next = 0;
    try {
      for (;;) {
        for (; next < this.#pieces.length; next++) {
          this.#unread = this.#pieces.length - next - 1;
          if (this.#unread === 0) this.#scheduler.resume();
          yield this.#pieces[next] as string;
        }
        if (this.#outcome) break;
        await new Promise<void>((notify) => (this.#notify = notify));
      }
    } finally {
      this.#endEarly('cancelled');
    }
    if ('error' in this.#outcome) throw this.#outcome.error;
  }

  #start(): void {
    const { signal } = this.#options;
    if (signal?.aborted) {
      this.#finish({ error: signal.reason });
      return;
    }
    const abort = () => this.#scheduler.cancel(this.#request, signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    void this.result.catch(() => {}).then(() => signal?.removeEventListener('abort', abort));
    this.#scheduler.add(this.#request);
  }

  #listener(): RequestListener {
    return {
      onToken: (token) => this.#onToken(token),
      onRouting: (experts, weights) => void this.#routes.push({ experts, weights }),
      onEnd: (reason) => {
        this.#emitHeldBack();
        this.#finish({ result: this.#resultOf(reason) });
      },
      onError: (error) => this.#finish({ error }),
      wantsMore: () => !this.#iterating || this.#unread < mostUnreadPieces,
    };
  }

  #onToken(token: number): 'stop' | 'length' | undefined {
    this.#lastToken = performance.now();
    this.#firstToken ||= this.#lastToken;
    if (!this.#options.ignoreEos && this.#setting.isEndOfGeneration(token)) return 'stop';
    this.#tokens.push(token);
    const { text, stop } = this.#setting.stopStrings.push(this.#setting.detokenizer.push(token));
    this.#emit(text);
    if (stop !== undefined) return 'stop';
    return this.#tokens.length >= this.#setting.maxTokens ? 'length' : undefined;
  }

  /** Bytes of an unfinished character and the beginnings of stop strings that did not become one. */
  #emitHeldBack(): void {
    const { stopStrings, detokenizer } = this.#setting;
    if (stopStrings.stop !== undefined) return;
    this.#emit(stopStrings.push(detokenizer.flush()).text);
    this.#emit(stopStrings.flush());
  }

  #emit(piece: string): void {
    if (piece === '') return;
    this.#text += piece;
    this.#pieces.push(piece);
    this.#unread++;
    this.#wakeReader();
  }

  #endEarly(reason: FinishReason): void {
    if (this.#outcome) return;
    this.#emitHeldBack();
    this.#finish({ result: this.#resultOf(reason) });
    this.#scheduler.cancel(this.#request, new MoeflowError('CANCELLED', 'the generation was ended'));
  }

  #finish(outcome: { result: GenerationResult } | { error: unknown }): void {
    if (this.#outcome) return;
    this.#outcome = outcome;
    if ('result' in outcome) this.#settle.resolve(outcome.result);
    else this.#settle.reject(outcome.error);
    this.#wakeReader();
  }

  #wakeReader(): void {
    this.#notify?.();
    this.#notify = undefined;
  }

  #resultOf(finishReason: FinishReason): GenerationResult {
    const promptTokens = this.#request.prompt.length;
    const generatedTokens = this.#tokens.length;
    const perSecond = (count: number, ms: number) => (count > 0 && ms > 0 ? (count * 1000) / ms : 0);
    return {
      text: this.#text,
      tokens: this.#tokens,
      finishReason,
      seed: this.#setting.seed,
      stats: {
        promptTokens,
        generatedTokens,
        promptTokensPerSecond: this.#firstToken ? perSecond(promptTokens, this.#firstToken - this.#started) : 0,
        generatedTokensPerSecond: perSecond(generatedTokens - 1, this.#lastToken - this.#firstToken),
        ...this.#setting.statsOf(this.#request),
      },
      ...(this.#options.routing ? { routing: this.#routing() } : {}),
    };
  }

  #routing(): RoutingRecord {
    const { layers, k } = this.#setting.routingShape;
    const length = this.#routes.reduce((sum, route) => sum + route.experts.length, 0);
    const record = {
      tokens: length / (layers * k),
      layers,
      k,
      experts: new Int32Array(length),
      weights: new Float32Array(length),
    };
    let at = 0;
    for (const route of this.#routes) {
      record.experts.set(route.experts, at);
      record.weights.set(route.weights, at);
      at += route.experts.length;
    }
    return record;
  }
}
