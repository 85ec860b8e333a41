/** POST /v1/chat/completions. */

import type { FastifyReply } from 'fastify';
import * as z from 'zod';
import type { ChatMessage } from '../generation/chat-template.js';
import { type AnswerForm, answer, finishReason, seedText } from './answer.js';
import type { ServerContext } from './context.js';
import { ApiError } from './errors.js';
import { arrayOf, integer, neutral } from './fields.js';
import { chatLogprobFields, chatLogprobOptions, chatLogprobs } from './logprobs.js';
import { checkModel, checkStreamOptions, generateOptions, generationFields } from './parameters.js';
import { parseBody } from './parse-body.js';
import { formatOptions, responseFormat } from './response-format.js';

const roles = ['system', 'developer', 'user', 'assistant', 'tool', 'function'] as const;

const part = z.looseObject(
  {
    type: z.literal('text', { error: 'must be "text": this server takes text only' }),
    text: z.string({ error: 'must be a string' }),
  },
  { error: 'must be { "type": "text", "text": "..." }' },
);

const content = z.preprocess(
  (value) => (typeof value === 'string' ? [{ type: 'text', text: value }] : value),
  arrayOf(part, 'must be a string, or an array of { "type": "text", "text": "..." }').nullish(),
);

/** What else a message has, such as tool_calls, is for the chat template. */
const message = z.looseObject(
  { role: z.enum(roles, { error: `must be one of ${roles.join(', ')}` }), content },
  { error: 'must be { "role": "...", "content": "..." }' },
);

const noTools = 'this server calls no tools; describe them in a message instead';

const chatBody = z.strictObject({
  ...generationFields,
  ...chatLogprobFields,
  messages: arrayOf(message, 'must be an array of { "role": "...", "content": "..." }').refine(
    (messages) => messages.length > 0,
    { error: 'must have at least one message' },
  ),
  max_completion_tokens: integer(1, Number.MAX_SAFE_INTEGER),
  response_format: responseFormat,
  tools: neutral([[]], noTools),
  tool_choice: neutral(['none', 'auto'], noTools),
  parallel_tool_calls: neutral([true, false], noTools),
  functions: neutral([[]], noTools),
  function_call: neutral(['none', 'auto'], noTools),
  modalities: neutral([['text']], 'answers are text'),
  audio: neutral([], 'answers are text'),
  prediction: neutral([], 'leave it out'),
  reasoning_effort: neutral([], "the chat template's default is used; leave it out"),
  verbosity: neutral(['medium'], 'leave it out'),
  web_search_options: neutral([], 'this server searches nothing'),
});

const form: AnswerForm = {
  idPrefix: 'chatcmpl',
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  choice: (index, result, logprobs) => ({
    index,
    message: { role: 'assistant', content: result.text, refusal: null },
    logprobs,
    finish_reason: finishReason(result),
    seed: seedText(result),
  }),
  opening: (index) => chunk(index, { role: 'assistant', content: '', refusal: null }),
  piece: (index, text, logprobs) => ({ ...chunk(index, { content: text }), logprobs }),
  ending: (index, result) => ({ ...chunk(index, {}), finish_reason: finishReason(result), seed: seedText(result) }),
  logprobs: chatLogprobs,
};

function chunk(index: number, delta: object): object {
  return { index, delta, logprobs: null, finish_reason: null };
}

export async function answerChat(context: ServerContext, body: unknown, reply: FastifyReply): Promise<void> {
  const asked = parseBody(chatBody, body);
  checkModel(asked.model, context.settings.modelName);
  checkStreamOptions(asked);
  await answer(context, reply, {
    form,
    prompts: [asked.messages.map(templateMessage)],
    promptParam: 'messages',
    choicesPerPrompt: asked.n ?? 1,
    seed: asked.seed,
    options: {
      ...generateOptions(asked),
      ...chatLogprobOptions(asked),
      ...formatOptions(asked.response_format),
      maxTokens: mostTokens(asked),
    },
    stream: asked.stream ?? false,
    includeUsage: asked.stream_options?.include_usage ?? false,
  });
}

/** A developer's message is what a system message was before; few templates know it by the new name. */
function templateMessage(one: z.output<typeof message>): ChatMessage {
  return (one.role === 'developer' ? { ...one, role: 'system' } : one) as ChatMessage;
}

/** `max_tokens` is the older name of `max_completion_tokens`. */
function mostTokens({ max_tokens: older, max_completion_tokens: newer }: z.output<typeof chatBody>) {
  if (older === undefined || newer === undefined || older === newer) return newer ?? older;
  throw new ApiError(400, `max_tokens is ${older} and max_completion_tokens ${newer}: give one of them`, {
    param: 'max_tokens',
  });
}
