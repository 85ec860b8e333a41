/** What a caller can ask of a generation. */

import type { NativeSampling } from '../native/step.js';
import { check, checkOptions } from '../options.js';
import { checkWhole } from './stop-strings.js';

export interface GenerateOptions {
  /** Most tokens to generate. Default: until the context is full. */
  maxTokens?: number;
  /** 0 (the default) always takes the most likely token. */
  temperature?: number;
  /** Sample among the k most likely tokens; 0 (the default) among all. */
  topK?: number;
  /** Sample among the fewest tokens whose probabilities reach this sum. Default 1: all. */
  topP?: number;
  /** Drop tokens less likely than this share of the most likely one's probability. Default 0. */
  minP?: number;
  /** Makes the last 64 tokens less likely: above 1 penalises. Default 1. */
  repeatPenalty?: number;
  /** Same seed, same text. Default: a random one, given back in the result. */
  seed?: number | bigint;
  /** Strings that end the text; they are not part of it. */
  stop?: string | string[];
  /** Aborts at any time, within one layer: the iterator and `result` then reject with the signal's reason. */
  signal?: AbortSignal;
  /** Higher ones go before lower ones: they begin first, and have what they need first. Default 0. */
  priority?: number;
  /**
   * Seconds from the call on, after which the generation ends with the text that there is, `deadline` as its reason: also if
   * it is none, as the generation has waited all the time.
   */
  deadlineSeconds?: number;
  /** Record the experts of every token at every layer. Default false. */
  routing?: boolean;
  /** The text is one JSON object, and ends with it: other tokens are not drawn. Default false. */
  json?: boolean;
  /**
   * Tell of every token how likely it was, and of so many that were the most likely: natural logarithms of probabilities, before
   * temperature, penalties and filters.
   */
  logprobs?: number;
  /** Go on after the model's end-of-generation token. Default false. */
  ignoreEos?: boolean;
}

function checkStop(value: unknown, name: string): void {
  check.strings(value, name);
  for (const text of [value as string | string[]].flat()) checkWhole(text, name);
}

export const checks = {
  maxTokens: check.integer(1),
  temperature: check.number(0, 1e6),
  topK: check.integer(0, 2 ** 31 - 1),
  topP: check.number(0, 1),
  minP: check.number(0, 1),
  repeatPenalty: check.number(1e-3, 1e3),
  seed: check.seed,
  stop: checkStop,
  signal: check.signal,
  priority: check.integer(-1e6, 1e6),
  deadlineSeconds: check.number(0, 1e6),
  routing: check.boolean,
  json: check.boolean,
  logprobs: check.integer(0, 1000),
  ignoreEos: check.boolean,
};

/** @throws InvalidArgumentError naming the option that is wrong */
export function checkGenerateOptions(options: GenerateOptions | undefined): GenerateOptions {
  checkOptions(options, checks, 'generate options');
  return options ?? {};
}

/** The part of the options that the native sampler takes. */
export function samplingOf(options: GenerateOptions, seed: number | bigint): NativeSampling {
  const { temperature, topK, topP, minP, repeatPenalty } = options;
  return { temperature, topK, topP, minP, repeatPenalty, seed };
}
