/** Routes of texts as they are: no token is generated. */

import { InvalidArgumentError } from '../errors.js';
import type { Model } from '../model/model.js';
import { headerOf } from './record.js';
import { PREFILL, type Trace, type TraceTokens, tokensOf, traceInMemory } from './trace.js';

export interface RecordTextOptions {
  /** Tokens of a sequence; a text of more becomes several. Default 512, or the context's length if that is less. */
  windowTokens?: number;
  /** Called after each sequence with the tokens so far. */
  onTokens?: (tokens: number) => void;
  signal?: AbortSignal;
}

/**
 * Runs the model over texts, or token ids, and keeps the routes in memory.
 *
 * @throws as Model.evaluate; InvalidArgumentError when there are no tokens
 */
export async function recordTexts(
  model: Model,
  texts: Iterable<string | Int32Array> | AsyncIterable<string | Int32Array>,
  options: RecordTextOptions = {},
): Promise<Trace> {
  const { signal, onTokens } = options;
  const window = Math.min(options.windowTokens ?? 512, model.info.contextLength);
  const header = await headerOf(model);
  const parts: TraceTokens[] = [];
  let tokens = 0;
  for await (const text of texts) {
    const ids = typeof text === 'string' ? model.tokenize(text) : text;
    for (let at = 0; at < ids.length; at += window) {
      const piece = ids.slice(at, at + window);
      const { routing } = await model.evaluate(piece, { from: piece.length - 1, signal });
      const { experts, weights } = routing;
      parts.push({
        ...tokensOf(header, experts, { sequence: parts.length, phase: PREFILL, weights }),
        token: piece,
      });
      tokens += piece.length;
      onTokens?.(tokens);
    }
  }
  if (tokens === 0) throw new InvalidArgumentError('the texts are empty; there is nothing to record');
  return traceInMemory(header, ...parts);
}
