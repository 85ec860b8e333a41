/** From prompts to an answer, at once or as a stream of events. */

import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { UnsupportedError } from '../errors.js';
import type { Generation, GenerationPiece } from '../generation/generation.js';
import type { GenerateOptions } from '../generation/options.js';
import type { GeneratedToken, GenerationResult } from '../generation/result.js';
import type { Model, Prompt } from '../model/model.js';
import type { Tokenizer } from '../tokenizer/index.js';
import { version } from '../version.js';
import type { ServerContext } from './context.js';
import { errorBody, refusal, toApiError } from './errors.js';
import { EventStream } from './event-stream.js';
import { TokenClock } from './latencies.js';
import type { LogprobForm } from './logprobs.js';
import { seedOf } from './parameters.js';

/** How an endpoint puts what was generated. */
export interface AnswerForm {
  idPrefix: string;
  object: string;
  chunkObject: string;
  /** Of an answer at once; `logprobs` is null unless they were asked for. */
  choice(index: number, result: GenerationResult, logprobs: object | null): object;
  /** Of a stream: before the first piece, a piece, and after the last one. */
  opening?(index: number): object;
  piece(index: number, text: string, logprobs: object | null): object;
  ending(index: number, result: GenerationResult): object;
  logprobs(tokenizer: Tokenizer): LogprobForm;
}

export interface AnswerRequest {
  form: AnswerForm;
  prompts: readonly Prompt[];
  /** The field that the prompts came in, for errors about them. */
  promptParam: string;
  choicesPerPrompt: number;
  /** Of the first choice. */
  seed: number | undefined;
  options: GenerateOptions;
  stream: boolean;
  /** End a stream with an event of the tokens. */
  includeUsage: boolean;
}

interface Choice {
  index: number;
  generation: Generation;
  /** Read from the start, so that it does not run ahead of a stream that has begun with something else. */
  pieces: AsyncIterable<GenerationPiece>;
}

/** A request on its way. */
interface Run {
  context: ServerContext;
  reply: FastifyReply;
  asked: AnswerRequest;
  choices: readonly Choice[];
  controller: AbortController;
  /** When it came, of `performance.now()`. */
  came: number;
}

/** @throws as long as nothing was sent; what fails later is the stream's last event */
export async function answer(context: ServerContext, reply: FastifyReply, asked: AnswerRequest): Promise<void> {
  const came = performance.now();
  const controller = context.requests.begin(reply.raw);
  try {
    const choices = startChoices(context, asked, controller.signal);
    const run = { context, reply, asked, choices, controller, came };
    await (asked.stream ? streamAnswer(run) : wholeAnswer(run));
  } catch (error) {
    // None of the other choices is wanted any more.
    controller.abort(error);
    throw error;
  }
}

/** All at once: they share what they can, and the model's queue is asked before anything is sent. */
function startChoices({ model }: ServerContext, asked: AnswerRequest, signal: AbortSignal): Choice[] {
  const { prompts, promptParam, choicesPerPrompt, options, seed } = asked;
  return prompts.flatMap((prompt, at) => {
    const tokens = orRefuse(promptParam, () => promptOf(model, prompt));
    return Array.from({ length: choicesPerPrompt }, (_, i) => {
      const own = { ...options, seed: seedOf(seed, i), signal };
      const generation = orRefuse(options.json ? 'response_format' : promptParam, () => model.generate(tokens, own));
      return { index: at * choicesPerPrompt + i, generation, pieces: generation.pieces() };
    });
  });
}

/** @throws UnsupportedError where tokens have no text, of which answers are made; also for a prompt of tokens */
function promptOf(model: Model, prompt: Prompt): Int32Array {
  const { unavailableReason } = model.tokenizer;
  if (unavailableReason !== undefined) throw new UnsupportedError(unavailableReason);
  return model.promptTokens(prompt);
}

function orRefuse<T>(param: string, start: () => T): T {
  try {
    return start();
  } catch (error) {
    throw refusal(error, param);
  }
}

async function wholeAnswer(run: Run): Promise<void> {
  const { context, reply, asked, choices, came } = run;
  const { form, choicesPerPrompt } = asked;
  const results = await Promise.all(choices.map((choice) => read(choice, new TokenClock(context.latencies, came))));
  reply.send({
    ...head(context, form.idPrefix, form.object),
    choices: results.map((result, index) => form.choice(index, result, logprobsFor(run)(result.logprobs))),
    usage: usageOf(results, choicesPerPrompt),
  });
}

async function streamAnswer(run: Run): Promise<void> {
  const { context, reply, asked, choices, controller, came } = run;
  const { form, choicesPerPrompt, includeUsage } = asked;
  reply.hijack();
  const headers = reply.getHeaders() as OutgoingHttpHeaders;
  const stream = new EventStream(reply.raw, headers, controller.signal, context.settings.stallSeconds);
  const start = head(context, form.idPrefix, form.chunkObject);
  const send = (choice: object) =>
    stream.send({ ...start, choices: [choice], ...(includeUsage ? { usage: null } : {}) });
  try {
    if (form.opening) for (const { index } of choices) await send(form.opening(index));
    const results = await Promise.all(
      choices.map(async (choice) => {
        const { index } = choice;
        const clock = new TokenClock(context.latencies, came);
        const logprobs = logprobsFor(run);
        const result = await read(choice, clock, async (piece) => {
          const told = logprobs(piece.logprobs);
          return piece.text === '' && told === null ? false : send(form.piece(index, piece.text, told));
        });
        await send(form.ending(index, result));
        return result;
      }),
    );
    if (includeUsage) await stream.send({ ...start, choices: [], usage: usageOf(results, choicesPerPrompt) });
    stream.end('[DONE]');
  } catch (thrown) {
    controller.abort(thrown);
    const error = toApiError(thrown);
    if (error.status === 500) context.settings.onError(thrown);
    stream.end(errorBody(error));
  }
}

/** Of one choice. */
function logprobsFor({ context, asked }: Run): (tokens: readonly GeneratedToken[] | undefined) => object | null {
  if (asked.options.logprobs === undefined) return () => null;
  const form = asked.form.logprobs(context.model.tokenizer);
  return (tokens = []) => form(tokens);
}

/** Reads a generation to its end, as fast as `take` takes it, which tells whether it had to wait. */
async function read(
  { generation, pieces }: Choice,
  clock: TokenClock,
  take?: (piece: GenerationPiece) => Promise<boolean>,
): Promise<GenerationResult> {
  for await (const piece of pieces) {
    if (piece.text !== '') clock.tick();
    if (await take?.(piece)) clock.pause();
  }
  return generation.result;
}

function head({ settings }: ServerContext, idPrefix: string, object: string): object {
  return {
    id: `${idPrefix}-${randomUUID().replaceAll('-', '')}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: settings.modelName,
    system_fingerprint: `moeflow-${version()}`,
  };
}

/** A prompt counts once, however many choices it has. */
function usageOf(results: readonly GenerationResult[], choicesPerPrompt: number): object {
  const first = results.filter((_, i) => i % choicesPerPrompt === 0).map(({ stats }) => stats);
  const prompt = first.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
  const completion = results.reduce((sum, { tokens }) => sum + tokens.length, 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: first.reduce((sum, { sharedPromptTokens }) => sum + sharedPromptTokens, 0),
    },
  };
}

/** The API has no word for a deadline: the text is incomplete, as at any other limit. */
export function finishReason({ finishReason }: GenerationResult): 'stop' | 'length' {
  return finishReason === 'stop' ? 'stop' : 'length';
}

/** Seeds beyond 2^53 are strings, as JSON numbers cannot carry them. */
export function seedText({ seed }: GenerationResult): number | string {
  return seed <= Number.MAX_SAFE_INTEGER ? Number(seed) : seed.toString();
}
