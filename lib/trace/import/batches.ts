/** For formats that write a layer of a whole batch at a time: layers by number, and their tokens side by side. */

import type { TraceTokens } from '../trace.js';
import { DECODE, PREFILL } from '../trace.js';
import type { TokenBuffer } from './token-buffer.js';

/** What one pass through the model left of each layer, by the layer's number in the model. */
export type Pass = Map<number, { experts: ArrayLike<number>[]; where: string }>;

/**
 * Adds a pass's tokens to a buffer, yielding chunks as they fill. A layer that has fewer tokens than others has the last ones, as
 * engines leave out what no output needs.
 *
 * @param layers numbers of the trace's layers, rising
 */
export function* addPass(
  buffer: TokenBuffer,
  pass: Pass,
  layers: number[],
  sequence: number,
  position: number,
): Generator<TraceTokens> {
  const tokens = tokensOfPass(pass);
  const where = pass.values().next().value?.where ?? '';
  for (let t = 0; t < tokens; t++) {
    const experts = layers.map((layer) => {
      const rows = pass.get(layer)?.experts ?? [];
      return rows[t - (tokens - rows.length)];
    });
    buffer.add({ sequence, position: position + t, phase: tokens > 1 ? PREFILL : DECODE, experts }, where);
    if (buffer.full) yield buffer.take();
  }
}

export function tokensOfPass(pass: Pass): number {
  return Math.max(0, ...[...pass.values()].map(({ experts }) => experts.length));
}
