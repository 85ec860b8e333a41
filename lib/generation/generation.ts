/** A running generation: an async iterable of text pieces with a promise of the result. */

import { MoeflowError } from '../errors.js';
import type { TierStats } from '../experts/stats.js';
import { Request, type RequestListener, type RequestOptions } from '../scheduling/request.js';
import type { Scheduler } from '../scheduling/scheduler.js';
import type { StreamingDetokenizer } from '../tokenizer/index.js';
import type { GenerateOptions } from './options.js';
import type { FinishReason, GeneratedToken, GenerationResult, GenerationStats, RoutingRecord } from './result.js';
import type { StopStrings } from './stop-strings.js';

/** When so many pieces wait for a reader, the generation does too, */
const mostUnreadPieces = 64;
/** until he has come to the last few: it may have given up its place meanwhile, and reads all its tokens again then. */
const fewUnreadPieces = 16;

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

/** Text that came, and the tokens that have come since the piece before. */
export interface GenerationPiece {
  /** Empty where tokens gave no text of their own. */
  text: string;
  tokens: number[];
  /** Of each token, if {@link GenerateOptions.logprobs} was given. */
  logprobs?: GeneratedToken[];
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
  readonly #pieces: GenerationPiece[] = [];
  readonly #tokens: number[] = [];
  readonly #logprobs: GeneratedToken[] = [];
  /** Tokens that pieces have told of. */
  #told = 0;
  readonly #routes: { experts: Int32Array; weights: Float32Array }[] = [];
  #text = '';
  #firstToken = 0;
  #lastToken = 0;
  #iterating = false;
  #unread = 0;
  #stalled = false;
  #outcome: { result: GenerationResult } | { error: unknown } | undefined;
  /** Readers that wait for more. */
  readonly #waiting: (() => void)[] = [];
  #settle!: { resolve(result: GenerationResult): void; reject(error: unknown): void };

  constructor(options: GenerateOptions, setting: GenerationSetting, scheduler: Scheduler, request: RequestOptions) {
    this.#options = options;
    this.#setting = setting;
    this.#scheduler = scheduler;
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever only iterates gets the error there; it must not also count as unhandled.
    this.result.catch(() => {});
    this.#request = new Request(request, this.#listener());
    this.#start();
  }

  /** Ends the generation after the tokens so far, as if the model had stopped. */
  stop(): void {
    this.#endEarly('stop');
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for await (const { text } of this.pieces()) {
      if (text !== '') yield text;
    }
  }

  /**
   * As iterating the generation itself, with the tokens that the text comes from. Its reader has begun with this call: the
   * generation does not run far ahead of the first piece either.
   */
  pieces(): AsyncGenerator<GenerationPiece, void, undefined> {
    this.#iterating = true;
    return this.#read();
  }

  async *#read(): AsyncGenerator<GenerationPiece, void, undefined> {
    let next = 0;
    try {
      for (;;) {
        for (; next < this.#pieces.length; next++) {
          this.#unread = this.#pieces.length - next - 1;
          this.#checkReader();
          yield this.#pieces[next] as GenerationPiece;
        }
        if (this.#outcome) break;
        await new Promise<void>((wake) => this.#waiting.push(wake));
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
    this.#scheduler.add(this.#request);
    const abort = () => this.#scheduler.cancel(this.#request, signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const { deadlineSeconds } = this.#options;
    const timer =
      deadlineSeconds === undefined ? undefined : setTimeout(() => this.#endEarly('deadline'), deadlineSeconds * 1000);
    const end = () => {
      signal?.removeEventListener('abort', abort);
      clearTimeout(timer);
    };
    this.result.then(end, end);
  }

  #listener(): RequestListener {
    return {
      onToken: (...token) => this.#onToken(...token),
      onRouting: (experts, weights) => void this.#routes.push({ experts, weights }),
      onEnd: (reason) => {
        this.#emitHeldBack();
        this.#finish({ result: this.#resultOf(reason) });
      },
      onError: (error) => this.#finish({ error }),
      wantsMore: () => !this.#stalled,
    };
  }

  /** Stalls when a reader falls behind, and goes on when he has caught up. */
  #checkReader(): void {
    if (this.#iterating && this.#unread >= mostUnreadPieces) this.#stalled = true;
    if (!this.#stalled || this.#unread > fewUnreadPieces) return;
    this.#stalled = false;
    this.#scheduler.resume();
  }

  #onToken(token: number, likely?: Int32Array, logProbabilities?: Float32Array): 'stop' | 'length' | undefined {
    this.#lastToken = performance.now();
    this.#firstToken ||= this.#lastToken;
    if (!this.#options.ignoreEos && this.#setting.isEndOfGeneration(token)) return 'stop';
    this.#tokens.push(token);
    if (likely && logProbabilities) this.#logprobs.push(generatedToken(likely, logProbabilities));
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

  #emit(text: string): void {
    if (text === '') return;
    this.#text += text;
    this.#push(text);
  }

  #push(text: string): void {
    const tokens = this.#tokens.slice(this.#told);
    const logprobs = this.#logprobs.slice(this.#told);
    this.#told = this.#tokens.length;
    this.#pieces.push({ text, tokens, ...(logprobs.length > 0 ? { logprobs } : {}) });
    this.#unread++;
    this.#checkReader();
    this.#wakeReaders();
  }

  #endEarly(reason: FinishReason): void {
    if (this.#outcome) return;
    this.#emitHeldBack();
    this.#finish({ result: this.#resultOf(reason) });
    this.#scheduler.cancel(this.#request, new MoeflowError('CANCELLED', 'the generation was ended'));
  }

  #finish(outcome: { result: GenerationResult } | { error: unknown }): void {
    if (this.#outcome) return;
    if (this.#told < this.#tokens.length) this.#push('');
    this.#outcome = outcome;
    if ('result' in outcome) this.#settle.resolve(outcome.result);
    else this.#settle.reject(outcome.error);
    this.#wakeReaders();
  }

  #wakeReaders(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #resultOf(finishReason: FinishReason): GenerationResult {
    const promptTokens = this.#request.prompt.length;
    const generatedTokens = this.#tokens.length;
    const { started, sharedTokens, pauses } = this.#request;
    const begun = started ?? performance.now();
    const perSecond = (count: number, ms: number) => (count > 0 && ms > 0 ? (count * 1000) / ms : 0);
    return {
      text: this.#text,
      tokens: this.#tokens,
      finishReason,
      seed: this.#setting.seed,
      stats: {
        promptTokens,
        generatedTokens,
        sharedPromptTokens: sharedTokens,
        queueSeconds: (begun - this.#started) / 1000,
        pauses,
        promptTokensPerSecond: this.#firstToken ? perSecond(promptTokens, this.#firstToken - begun) : 0,
        generatedTokensPerSecond: perSecond(generatedTokens - 1, this.#lastToken - this.#firstToken),
        ...this.#setting.statsOf(this.#request),
      },
      ...(this.#options.routing ? { routing: this.#routing() } : {}),
      ...(this.#options.logprobs === undefined ? {} : { logprobs: this.#logprobs }),
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

function generatedToken(likely: Int32Array, logProbabilities: Float32Array): GeneratedToken {
  const [drawn, ...top] = Array.from(likely, (token, i) => ({ token, logprob: logProbabilities[i] as number }));
  return { ...(drawn as { token: number; logprob: number }), top };
}
