/** The tokens of a trace that are looked at: of one phase, of some sequences. */

import { type Holdout, isHeldOut } from '../trace/holdout.js';
import { DECODE, PREFILL, type Trace, type TraceHeader, type TraceTokens } from '../trace/trace.js';
import { checkLengths } from './steps.js';

const numbers = { prefill: PREFILL, decode: DECODE, all: undefined } as const;

export interface Chosen {
  /** Default `all`. */
  phase?: keyof typeof numbers;
  /** Sequences that are not held out are left out. Default `none`: all are looked at. */
  holdout?: Holdout;
}

/** @throws InvalidArgumentError if a chunk's arrays do not fit each other; the signal's reason */
export async function* chosenChunks(
  trace: Trace,
  { phase = 'all', holdout = 'none' }: Chosen,
  signal?: AbortSignal,
): AsyncIterable<TraceTokens> {
  const wanted = numbers[phase];
  const all = wanted === undefined && holdout === 'none';
  const heldOut = holdout === 'none' ? () => true : isHeldOut(holdout);
  for await (const tokens of trace.chunks()) {
    signal?.throwIfAborted();
    checkLengths(trace, tokens);
    const isWanted = (i: number) =>
      (wanted === undefined || tokens.phase[i] === wanted) && heldOut(tokens.sequence[i] as number);
    yield all ? tokens : tokensWhere(trace, tokens, isWanted);
  }
}

/** Those for which `keep` says so; the weights go. */
function tokensWhere({ layers, k }: TraceHeader, tokens: TraceTokens, keep: (i: number) => boolean): TraceTokens {
  const rows = Array.from({ length: tokens.count }, (_, i) => i).filter(keep);
  if (rows.length === tokens.count) return tokens;
  const row = layers * k;
  const experts = new Int32Array(rows.length * row);
  rows.forEach((from, to) => {
    experts.set(tokens.experts.subarray(from * row, (from + 1) * row), to * row);
  });
  const pick = (values: Int32Array) => Int32Array.from(rows, (i) => values[i] as number);
  return {
    count: rows.length,
    sequence: pick(tokens.sequence),
    position: pick(tokens.position),
    token: pick(tokens.token),
    phase: Uint8Array.from(rows, (i) => tokens.phase[i] as number),
    experts,
  };
}
