/** Going through a trace token by token: what all that looks at tokens has in common. */

import { breather } from '../breather.js';
import { InvalidArgumentError } from '../errors.js';
import { problemOfRow } from '../trace/check-tokens.js';
import type { Trace, TraceHeader, TraceTokens } from '../trace/trace.js';

/**
 * `visit` gets each token as an index in its chunk, and [layers][k] each of its experts' part of the token's output; the array is
 * the same one for all tokens.
 *
 * @throws InvalidArgumentError naming the token, counted from the trace's first one, and what is wrong with it; the signal's reason
 */
export async function forEachToken(
  trace: Trace,
  signal: AbortSignal | undefined,
  visit: (tokens: TraceTokens, token: number, shares: Float64Array) => void,
): Promise<void> {
  const shares = new Float64Array(trace.layers * trace.k);
  let before = 0;
  const pause = breather(signal);
  for await (const tokens of trace.chunks()) {
    await pause();
    for (let token = 0; token < tokens.count; token++) {
      checkToken(trace, tokens, token, before);
      gateShares(trace, tokens, token, shares);
      visit(tokens, token, shares);
    }
    before += tokens.count;
  }
}

function checkToken(trace: TraceHeader, tokens: TraceTokens, token: number, before: number): void {
  const problem = problemOfRow(trace, tokens, token);
  if (problem) throw new InvalidArgumentError(`trace: token ${before + token}: ${problem}`);
}

/** [layers][k] each expert's part of the token's output; equal parts where there are no weights or they say nothing. */
function gateShares({ layers, k }: TraceHeader, { weights }: TraceTokens, token: number, shares: Float64Array): void {
  if (!weights) {
    shares.fill(1 / k);
    return;
  }
  for (let layer = 0; layer < layers; layer++) {
    const first = (token * layers + layer) * k;
    let sum = 0;
    for (let rank = 0; rank < k; rank++) sum += Math.abs(weights[first + rank] as number);
    for (let rank = 0; rank < k; rank++) {
      shares[layer * k + rank] = sum > 0 && sum < Infinity ? Math.abs(weights[first + rank] as number) / sum : 1 / k;
    }
  }
}
