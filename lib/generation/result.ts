/** What a generation gives back when it is over. */

import type { TierStats } from '../experts/stats.js';

/**
 * Why a generation ended: `stop` at the model's end token, a stop string or {@link Generation.stop}; `length` at
 * maxTokens or the end of the context; `cancelled` when the reader left the loop; `deadline` at that.
 */
export type FinishReason = 'stop' | 'length' | 'cancelled' | 'deadline';

/** Seconds and experts are those of the generation's steps; steps that it shared with others count in full. */
export interface GenerationStats extends TierStats {
  promptTokens: number;
  generatedTokens: number;
  /** Of these, tokens that were not computed, as another generation under way had begun with the same. */
  sharedPromptTokens: number;
  /** Seconds from the call to the first step: the generation waited for its turn. */
  queueSeconds: number;
  /** How often it had to give up its place in the key/value cache, and read its tokens again. */
  pauses: number;
  /** From the first step to the first token; 0 when no token came. */
  promptTokensPerSecond: number;
  /** From the first token to the last; 0 with fewer than two. */
  generatedTokensPerSecond: number;
  /** Seconds that loading the model took. */
  loadSeconds: number;
  /** Resident memory of the process at the end, in bytes. */
  residentBytes: number;
  /** Different experts used, over all layers, and how many the model has. */
  expertsUsed: number;
  expertsTotal: number;
}

/**
 * The experts of each token at each expert layer, in the router's order, and the factors of their outputs. All of the
 * prompt's tokens and the generated ones but the last, which no step has read.
 */
export interface RoutingRecord {
  tokens: number;
  layers: number;
  /** Experts per token and layer. */
  k: number;
  /** [tokens][layers][k], flat. */
  experts: Int32Array;
  /** Same shape. */
  weights: Float32Array;
}

export interface TokenLogprob {
  token: number;
  /** Natural logarithm of its probability. */
  logprob: number;
}

export interface GeneratedToken extends TokenLogprob {
  /** The most likely tokens in its place, the likeliest first. */
  top: TokenLogprob[];
}

export interface GenerationResult {
  text: string;
  /** The generated token ids; an end token that ended the text is not among them. */
  tokens: number[];
  finishReason: FinishReason;
  seed: number | bigint;
  stats: GenerationStats;
  routing?: RoutingRecord;
  /** Of each of `tokens`, if {@link GenerateOptions.logprobs} was given. */
  logprobs?: GeneratedToken[];
}

/** The record as [token][layer][k] arrays, for JSON. */
export function nestRouting(record: RoutingRecord): { experts: number[][][]; weights: number[][][] } {
  const nest = (flat: ArrayLike<number>): number[][][] =>
    Array.from({ length: record.tokens }, (_, t) =>
      Array.from({ length: record.layers }, (_, l) =>
        Array.from({ length: record.k }, (_, i) => flat[(t * record.layers + l) * record.k + i] ?? 0),
      ),
    );
  return { experts: nest(record.experts), weights: nest(record.weights) };
}
