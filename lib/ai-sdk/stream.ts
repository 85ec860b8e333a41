/** A generation as a stream of the AI SDK's parts. */

import type {
  LanguageModelV3ResponseMetadata,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
  SharedV3Warning,
} from '@ai-sdk/provider';
import type { Generation } from '../generation/generation.js';
import { finishOf } from './result.js';

export interface StreamSetting {
  warnings: SharedV3Warning[];
  response: LanguageModelV3ResponseMetadata;
  signal: AbortSignal | undefined;
  asError(error: unknown): unknown;
}

/** There is one block of text. */
const id = '0';

/**
 * Parts are made when they are asked for, so that a slow reader holds the generation back. Cancelling the stream ends the
 * generation; aborting the call makes the stream fail with the reason.
 */
export function streamParts(generation: Generation, setting: StreamSetting): ReadableStream<LanguageModelV3StreamPart> {
  const pieces = generation[Symbol.asyncIterator]();
  // A generation without a reader runs to its end. This one has one from now on, who may take his time.
  const first = pieces.next();
  first.catch(() => {});
  const parts = partsOf(generation, { next: first, pieces }, setting);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    // Not by leaving the loop over the pieces, which would wait for the next one.
    cancel: () => generation.stop(),
  });
}

async function* partsOf(
  generation: Generation,
  reading: { next: Promise<IteratorResult<string, void>>; pieces: AsyncIterator<string, void> },
  { warnings, response, signal, asError }: StreamSetting,
): AsyncGenerator<LanguageModelV3StreamPart, undefined> {
  yield { type: 'stream-start', warnings };
  yield { type: 'response-metadata', ...response };
  try {
    let begun = false;
    for (let piece = await reading.next; !piece.done; piece = await reading.pieces.next()) {
      if (!begun) yield { type: 'text-start', id };
      begun = true;
      yield { type: 'text-delta', id, delta: piece.value };
    }
    if (begun) yield { type: 'text-end', id };
    yield { type: 'finish', ...finishOf(await generation.result) };
  } catch (error) {
    // The SDK tells an abort by the stream's own failure, and everything else by a part.
    if (signal?.aborted) throw error;
    yield { type: 'error', error: asError(error) };
    yield { type: 'finish', finishReason: { unified: 'error', raw: undefined }, usage: unknownUsage };
  }
  return undefined;
}

const unknownUsage: LanguageModelV3Usage = {
  inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};
