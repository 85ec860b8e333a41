/** Log probabilities of tokens: what a request asks for, and how an answer tells of them. */

import type { GenerateOptions } from '../generation/options.js';
import type { GeneratedToken, TokenLogprob } from '../generation/result.js';
import type { Tokenizer } from '../tokenizer/index.js';
import { ApiError } from './errors.js';
import { boolean, integer } from './fields.js';

const mostLikely = 20;

export const chatLogprobFields = {
  logprobs: boolean,
  top_logprobs: integer(0, mostLikely),
};

export const completionLogprobFields = {
  logprobs: integer(0, mostLikely),
};

/** @throws ApiError 400 for `top_logprobs` without `logprobs` */
export function chatLogprobOptions(asked: { logprobs?: boolean; top_logprobs?: number }): GenerateOptions {
  if (asked.logprobs) return { logprobs: asked.top_logprobs ?? 0 };
  if (!asked.top_logprobs) return {};
  throw new ApiError(400, 'top_logprobs needs logprobs: set it to true', { param: 'top_logprobs' });
}

/** Puts tokens in an answer's form. Of one choice: it is told of all its tokens in turn. */
export type LogprobForm = (tokens: readonly GeneratedToken[]) => object;

export function chatLogprobs(tokenizer: Tokenizer): LogprobForm {
  const entry = ({ token, logprob }: TokenLogprob) => {
    const bytes = bytesOf(tokenizer, token);
    return { token: new TextDecoder().decode(bytes), logprob: finite(logprob), bytes: [...bytes] };
  };
  return (tokens) => ({
    content: tokens.map((token) => ({ ...entry(token), top_logprobs: token.top.map(entry) })),
    refusal: null,
  });
}

export function completionLogprobs(tokenizer: Tokenizer): LogprobForm {
  const textOf = (token: number) => new TextDecoder().decode(bytesOf(tokenizer, token));
  const decoder = new TextDecoder();
  let offset = 0;
  return (tokens) => ({
    tokens: tokens.map(({ token }) => textOf(token)),
    token_logprobs: tokens.map(({ logprob }) => finite(logprob)),
    top_logprobs: tokens.map((token) =>
      Object.fromEntries([...token.top, token].map((one) => [textOf(one.token), finite(one.logprob)])),
    ),
    // Where each token begins, in characters; one that goes on with a character begins where that does.
    text_offset: tokens.map(({ token }) => {
      const at = offset;
      offset += [...decoder.decode(bytesOf(tokenizer, token), { stream: true })].length;
      return at;
    }),
  });
}

/** A control token has no text; it is told of by its name. */
function bytesOf(tokenizer: Tokenizer, token: number): Uint8Array {
  return tokenizer.isText(token) ? tokenizer.tokenBytes(token) : new TextEncoder().encode(tokenizer.tokenName(token));
}

/** JSON has no infinity; the OpenAI API says so for what is all but impossible. */
function finite(logprob: number): number {
  return Math.max(logprob, -9999);
}
