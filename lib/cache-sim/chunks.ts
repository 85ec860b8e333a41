/** A trace's tokens of one phase. */

import { DECODE, PREFILL, type Trace, type TraceTokens } from '../trace/trace.js';
import { checkLengths, tokensOfPhase } from './steps.js';

const numbers = { prefill: PREFILL, decode: DECODE, all: undefined } as const;

export type ChosenPhase = keyof typeof numbers;

/** @throws InvalidArgumentError if a chunk's arrays do not fit each other; the signal's reason */
export async function* chunksOfPhase(
  trace: Trace,
  phase: ChosenPhase,
  signal?: AbortSignal,
): AsyncIterable<TraceTokens> {
  for await (const tokens of trace.chunks()) {
    signal?.throwIfAborted();
    checkLengths(trace, tokens);
    yield tokensOfPhase(trace, tokens, numbers[phase]);
  }
}
