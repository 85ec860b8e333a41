/** The parameters that chats and completions share, and what they ask of a generation. */

import * as z from 'zod';
import type { GenerateOptions } from '../generation/options.js';
import { hasHalfPair } from '../generation/stop-strings.js';
import { shortened } from '../options.js';
import { ApiError } from './errors.js';
import { boolean, ignored, integer, neutral, number, optional, text } from './fields.js';

/** Choices of one request, all prompts together. */
export const mostChoices = 128;
const mostStopStrings = 16;

const stopStrings = z
  .custom<string | string[]>(
    (value) => {
      const strings = [value].flat();
      return strings.length <= mostStopStrings && strings.every((one) => typeof one === 'string' && one !== '');
    },
    { error: `must be a non-empty string, or an array of at most ${mostStopStrings} of them` },
  )
  .refine((value) => ![value].flat().some(hasHalfPair), {
    error: 'must be of whole characters: no text has half of a surrogate pair',
  });

const streamOptions = z.looseObject(
  { include_usage: boolean },
  { error: 'must be an object such as { "include_usage": true }' },
);

export const generationFields = {
  model: text,
  n: integer(1, mostChoices),
  max_tokens: integer(1, Number.MAX_SAFE_INTEGER),
  temperature: number(0, 2),
  top_p: number(0, 1),
  seed: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  stop: optional(stopStrings),
  stream: boolean,
  stream_options: optional(streamOptions),

  // What the OpenAI API has not, and other servers have.
  top_k: integer(-1, 2 ** 31 - 1),
  min_p: number(0, 1),
  repeat_penalty: number(1e-3, 1e3),
  ignore_eos: boolean,
  priority: integer(-1e6, 1e6),
  deadline_seconds: number(0, 1e6),

  presence_penalty: neutral([0], 'use repeat_penalty, or leave it at 0'),
  frequency_penalty: neutral([0], 'use repeat_penalty, or leave it at 0'),
  logit_bias: neutral([{}], 'leave it out'),

  metadata: ignored,
  prompt_cache_key: ignored,
  prompt_cache_retention: ignored,
  safety_identifier: ignored,
  service_tier: ignored,
  store: ignored,
  user: ignored,
};

export type GenerationParameters = z.output<z.ZodObject<typeof generationFields>>;

/** Those of all choices; each has a seed of its own. Unlike `generate`, temperature is 1 unless the caller says otherwise. */
export function generateOptions(body: GenerationParameters): GenerateOptions {
  const { temperature = 1, top_k: topK } = body;
  return {
    temperature,
    topP: body.top_p,
    topK: topK === -1 ? 0 : topK,
    minP: body.min_p,
    repeatPenalty: body.repeat_penalty,
    maxTokens: body.max_tokens,
    stop: body.stop,
    ignoreEos: body.ignore_eos,
    priority: body.priority,
    deadlineSeconds: body.deadline_seconds,
  };
}

/** Of the choices of a prompt, `seed`, `seed + 1`, ...; undefined where none was given: each choice then draws its own. */
export function seedOf(seed: number | undefined, choice: number): bigint | undefined {
  return seed === undefined ? undefined : BigInt.asUintN(64, BigInt(seed) + BigInt(choice));
}

/** @throws ApiError 404 for another model than the one that is served */
export function checkModel(model: string | undefined, served: string): void {
  if (model === undefined || model === served) return;
  throw new ApiError(404, `the model "${shortened(model)}" does not exist here; "${served}" does`, {
    param: 'model',
    code: 'model_not_found',
  });
}

/** @throws ApiError 400 where stream options come without a stream */
export function checkStreamOptions({ stream, stream_options: options }: GenerationParameters): void {
  if (options === undefined || stream) return;
  throw new ApiError(400, 'stream_options are for streams: set stream to true, or leave them out', {
    param: 'stream_options',
  });
}
