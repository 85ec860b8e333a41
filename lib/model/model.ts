/** A loaded model. */

import { randomBytes } from 'node:crypto';
import { ContextFullError, DisposedError, fromNative, InvalidArgumentError } from '../errors.js';
import { type ExpertUses, hitRate, type LayerStats, type TierStats, tierStats } from '../experts/stats.js';
import { type ChatMessage, ChatTemplate } from '../generation/chat-template.js';
import { Generation } from '../generation/generation.js';
import { JsonConstraint, JsonMasks } from '../generation/json/json-constraint.js';
import { checkGenerateOptions, type GenerateOptions, samplingOf } from '../generation/options.js';
import { StopStrings } from '../generation/stop-strings.js';
import type { NativeAddon } from '../native/addon.js';
import type { NativeModel, NativeModelInfo } from '../native/model.js';
import type { Request } from '../scheduling/request.js';
import { Scheduler } from '../scheduling/scheduler.js';
import { type SchedulingLimits, schedulerSettings } from '../scheduling/settings.js';
import type { SchedulingStats } from '../scheduling/stats.js';
import { type EncodeOptions, Tokenizer } from '../tokenizer/index.js';
import { checkTokens } from './check-tokens.js';
import { type EvaluateOptions, type Evaluation, evaluate } from './evaluate.js';
import type { FoundPredictor } from './find-predictor.js';
import { type MemoryUse, type ModelInfo, modelInfo } from './info.js';

/** Text, a conversation, or token ids. */
export type Prompt = string | readonly ChatMessage[] | readonly number[] | Int32Array;

export interface ModelStats extends TierStats {
  scheduling: SchedulingStats;
}

/** UTF-16 units of a text that is encoded, which takes a moment, even where it cannot fit: its tokens can be counted then. */
const quicklyEncoded = 100_000;

/** Made by {@link loadModel}. Any number of generations may run at once; each gets the tokens of a run of its own. */
export class Model implements AsyncDisposable {
  readonly info: ModelInfo;
  /** All metadata of the file, by key. */
  readonly metadata: Readonly<Record<string, unknown>>;

  readonly #addon: NativeAddon;
  readonly #native: NativeModel;
  readonly #nativeInfo: NativeModelInfo;
  readonly #scheduler: Scheduler;
  readonly #loadSeconds: number;
  #tokenizer: Tokenizer | undefined;
  #chatTemplate: ChatTemplate | undefined;
  #jsonMasks: JsonMasks | undefined;
  #disposed: Promise<void> | undefined;

  /** @internal */
  constructor(
    addon: NativeAddon,
    native: NativeModel,
    metadata: Record<string, unknown>,
    load: { seconds: number; predictor?: FoundPredictor; limits?: SchedulingLimits },
  ) {
    this.#addon = addon;
    this.#native = native;
    this.metadata = metadata;
    this.#loadSeconds = load.seconds;
    this.#nativeInfo = native.info();
    this.info = modelInfo(this.#nativeInfo, load.predictor);
    this.#scheduler = new Scheduler(addon, native, schedulerSettings(this.#nativeInfo, load.limits ?? {}));
  }

  /** Text to tokens and back, by the file's own vocabulary. */
  get tokenizer(): Tokenizer {
    this.#tokenizer ??= Tokenizer.fromMetadata(this.metadata);
    return this.#tokenizer;
  }

  /** Token ids of a text, with the begin token that the file asks for. */
  tokenize(text: string, options: { addSpecial?: boolean; parseSpecial?: boolean } = {}): Int32Array {
    if (typeof text !== 'string') throw new InvalidArgumentError('text must be a string');
    return this.tokenizer.encode(text, options);
  }

  /** Text of token ids. Control tokens are left out unless `special` is true. */
  detokenize(tokens: readonly number[] | Int32Array, options: { special?: boolean } = {}): string {
    return this.tokenizer.decode(tokens, options);
  }

  /** Token ids of a conversation by the file's chat template. */
  applyChatTemplate(messages: readonly ChatMessage[]): Int32Array {
    return this.#template().encode(messages);
  }

  /**
   * Token ids that {@link generate} would begin with.
   *
   * @throws as generate
   */
  promptTokens(prompt: Prompt): Int32Array {
    const tokens = this.#tokensOf(prompt);
    if (tokens.length === 0) throw new InvalidArgumentError('the prompt is empty; give at least one token of text');
    this.#checkFits(tokens.length, `${tokens.length}`);
    return tokens;
  }

  /**
   * Generates text. Iterate the result for pieces as they come, or await its `result`.
   *
   * @throws InvalidArgumentError for a wrong prompt or option, ContextFullError when the prompt does not fit,
   * DisposedError after {@link dispose}, QueueFullError when too many wait already, UnsupportedError for text, or JSON, that
   * the vocabulary cannot write; all at once, not later
   */
  generate(prompt: Prompt, options?: GenerateOptions): Generation {
    this.#checkUsable();
    const checked = checkGenerateOptions(options);
    const tokens = this.promptTokens(prompt);
    this.#checkLogprobs(checked.logprobs);
    const room = this.info.contextLength - tokens.length;
    const seed = checked.seed ?? randomBytes(6).readUIntBE(0, 6);
    const setting = {
      detokenizer: this.tokenizer.stream({ keepLeadingSpace: true }),
      stopStrings: new StopStrings(typeof checked.stop === 'string' ? [checked.stop] : (checked.stop ?? [])),
      isEndOfGeneration: (token: number) => this.tokenizer.isEndOfGeneration(token),
      // The last token is never read back, so one more than there is room for.
      maxTokens: Math.min(checked.maxTokens ?? Number.POSITIVE_INFINITY, room + 1),
      seed,
      statsOf: (request: Request) => ({
        loadSeconds: this.#loadSeconds,
        residentBytes: this.#addon.residentBytes(),
        expertsUsed: request.distinctExperts,
        expertsTotal: this.info.expertLayers * this.info.experts,
        ...tierStats(this.#nativeInfo, request.counters, this.#native.counters().foresight),
      }),
      routingShape: { layers: this.info.expertLayers, k: this.info.expertsUsed },
    };
    const { routing, priority, json, logprobs } = checked;
    return new Generation(checked, setting, this.#scheduler, {
      prompt: tokens,
      sampling: samplingOf(checked, seed),
      likely: logprobs,
      constraint: json ? this.#jsonConstraint() : undefined,
      routing,
      priority,
    });
  }

  /**
   * Runs the model over tokens without generating: logits of the tokens from index `from` on, and the routing of all.
   *
   * @throws as {@link generate}, by rejecting; also with the reason of `options.signal`
   */
  async evaluate(tokens: readonly number[] | Int32Array, options: EvaluateOptions = {}): Promise<Evaluation> {
    this.#checkUsable();
    const checked = this.promptTokens(checkTokens(tokens, this.info.vocabulary));
    return evaluate(this.#scheduler, this.info, checked, options);
  }

  /** How memory is spent; {@link planMemory} says so before a model is loaded. */
  plan(): MemoryUse {
    return this.info.memory;
  }

  /**
   * What became of the experts that were asked for so far, and the seconds that were spent computing: by all
   * generations and evaluations, also those that were cancelled; and how many of them there are.
   */
  stats(): ModelStats {
    const { foresight, ...counters } = this.#native.counters();
    return { ...tierStats(this.#nativeInfo, counters, foresight), scheduling: this.#scheduler.stats() };
  }

  /**
   * The experts in this process's memory, for each layer with experts; empty when all experts are in memory.
   *
   * @throws DisposedError after {@link dispose}
   */
  async layerStats(): Promise<LayerStats[]> {
    this.#checkUsable();
    const layers = await this.#native.layerCounters().catch((error) => {
      throw fromNative(error);
    });
    return layers.map((counters) => ({ ...counters, hitRate: hitRate(counters) }));
  }

  /**
   * How often each expert was used, and which are in memory.
   *
   * @throws DisposedError after {@link dispose}
   */
  async expertUses(): Promise<ExpertUses> {
    this.#checkUsable();
    const { expertLayers: layers, experts } = this.info;
    const found = await this.#native.experts().catch((error) => {
      throw fromNative(error);
    });
    return { layers, experts, ...found };
  }

  /** Ends all generations (they reject with DisposedError) and gives back all memory. Safe to call again. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#scheduler.close().then(() => this.#native.dispose());
    return this.#disposed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #jsonConstraint(): JsonConstraint {
    this.#jsonMasks ??= new JsonMasks(this.tokenizer);
    return new JsonConstraint(this.#jsonMasks, this.tokenizer);
  }

  #checkUsable(): void {
    if (this.#disposed) throw new DisposedError();
  }

  #checkLogprobs(wanted = 0): void {
    const { vocabulary } = this.info;
    if (wanted > vocabulary) {
      throw new InvalidArgumentError(`logprobs is ${wanted}, but the model has ${vocabulary} tokens in all`);
    }
  }

  #template(): ChatTemplate {
    this.#chatTemplate ??= ChatTemplate.fromMetadata(this.metadata, this.tokenizer);
    return this.#chatTemplate;
  }

  #tokensOf(prompt: Prompt): Int32Array {
    if (typeof prompt === 'string') return this.#encode(prompt);
    if (Array.isArray(prompt) && typeof prompt[0] === 'object') {
      const { text, encoding } = this.#template().renderMarked(prompt as ChatMessage[]);
      return this.#encode(text, encoding);
    }
    if (Array.isArray(prompt) || prompt instanceof Int32Array) {
      return checkTokens(prompt as readonly number[] | Int32Array, this.info.vocabulary);
    }
    throw new InvalidArgumentError('prompt must be a string, an array of messages, or an array of token ids');
  }

  /** Nothing else goes on while a text is encoded: a long one that cannot fit is not. */
  #encode(text: string, options?: EncodeOptions): Int32Array {
    if (text.length > quicklyEncoded) {
      const fewest = this.tokenizer.fewestTokens(text, options);
      this.#checkFits(fewest, `at least ${fewest}`);
    }
    return this.tokenizer.encode(text, options);
  }

  #checkFits(tokens: number, count: string): void {
    const { contextLength } = this.info;
    if (tokens <= contextLength) return;
    throw new ContextFullError(
      `the prompt has ${count} tokens, the context ${contextLength}; shorten it or load with a larger contextLength`,
    );
  }
}
