/** Log probabilities of tokens: `logprobs` and `top_logprobs` of chats, `logprobs` of completions. */

import type { GenerateOptions } from '../generation/options.js';
import { unsupported } from './errors.js';
import { boolean, integer } from './fields.js';

export const chatLogprobFields = {
  logprobs: boolean,
  top_logprobs: integer(0, 20),
};

export const completionLogprobFields = {
  logprobs: integer(0, 5),
};

/**
 * The engine tells no probabilities yet, so whoever asks for them is refused.
 *
 * @throws ApiError 400
 */
export function logprobOptions(asked: { logprobs?: boolean | number; top_logprobs?: number }): GenerateOptions {
  if (asked.logprobs === undefined || asked.logprobs === false) {
    if (!asked.top_logprobs) return {};
    throw unsupported('top_logprobs', 'top_logprobs needs logprobs, which are not supported yet: leave it out');
  }
  throw unsupported('logprobs', 'logprobs are not supported yet: leave them out');
}
