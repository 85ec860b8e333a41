/** POST /v1/completions. */

import type { FastifyReply } from 'fastify';
import * as z from 'zod';
import type { Prompt } from '../model/model.js';
import { type AnswerForm, answer, finishReason, seedText } from './answer.js';
import type { ServerContext } from './context.js';
import { ApiError, unsupported } from './errors.js';
import { integer, neutral } from './fields.js';
import { completionLogprobFields, completionLogprobs } from './logprobs.js';
import { checkModel, checkStreamOptions, generateOptions, generationFields, mostChoices } from './parameters.js';
import { parseBody } from './parse-body.js';

/** As the OpenAI API has it; chats go on until the context is full. */
const defaultMaxTokens = 16;

const isText = (value: unknown) => typeof value === 'string';
const isTokens = (value: unknown) => isArrayOf(value, Number.isInteger);
const isArrayOf = (value: unknown, is: (one: unknown) => boolean) =>
  Array.isArray(value) && value.length > 0 && value.every((one) => is(one));

const prompt = z.custom<string | string[] | number[] | number[][]>(
  (value) => isText(value) || isArrayOf(value, isText) || isTokens(value) || isArrayOf(value, isTokens),
  { error: 'must be a string, an array of token ids, or an array of either' },
);

const completionBody = z.strictObject({
  ...generationFields,
  ...completionLogprobFields,
  prompt,
  best_of: integer(1, mostChoices),
  echo: neutral([false], 'the answer is the text after the prompt alone'),
  suffix: neutral([''], 'text is generated at the end alone'),
});

const form: AnswerForm = {
  idPrefix: 'cmpl',
  object: 'text_completion',
  chunkObject: 'text_completion',
  choice: (index, result, logprobs) => ({
    ...choice(index, result.text, logprobs),
    finish_reason: finishReason(result),
    seed: seedText(result),
  }),
  piece: choice,
  ending: (index, result) => ({
    ...choice(index, '', null),
    finish_reason: finishReason(result),
    seed: seedText(result),
  }),
  logprobs: completionLogprobs,
};

function choice(index: number, text: string, logprobs: object | null): object {
  return { index, text, logprobs, finish_reason: null };
}

export async function answerCompletion(context: ServerContext, body: unknown, reply: FastifyReply): Promise<void> {
  const asked = parseBody(completionBody, body);
  const { n = 1, best_of: bestOf = n, max_tokens: maxTokens = defaultMaxTokens } = asked;
  checkModel(asked.model, context.settings.modelName);
  checkStreamOptions(asked);
  if (bestOf !== n) throw unsupported('best_of', `best_of is not supported: leave it out, or have it be n, ${n}`);
  const prompts = promptsOf(asked.prompt);
  if (prompts.length * n > mostChoices) {
    throw new ApiError(
      400,
      `${prompts.length} prompts with ${n} choices each are too many: ${mostChoices} choices are the most`,
      { param: 'prompt' },
    );
  }
  await answer(context, reply, {
    form,
    prompts,
    promptParam: 'prompt',
    choicesPerPrompt: n,
    seed: asked.seed,
    options: { ...generateOptions(asked), logprobs: asked.logprobs, maxTokens },
    stream: asked.stream ?? false,
    includeUsage: asked.stream_options?.include_usage ?? false,
  });
}

function promptsOf(asked: string | string[] | number[] | number[][]): Prompt[] {
  if (typeof asked === 'string' || isTokens(asked)) return [asked as string | number[]];
  return asked as string[] | number[][];
}
