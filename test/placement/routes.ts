/** Small traces for plans. */

import { type Trace, type TraceHeader, tokensOf, traceInMemory } from '../../lib/index.js';
import { uniforms } from '../../lib/random.js';

export const header: TraceHeader = { layers: 3, experts: 4, k: 2, ranked: true };

/** Sequences of tokens, each token [layer][rank]. */
export function traceOf(head: TraceHeader, sequences: number[][][][], weights?: number[][]): Trace {
  const parts = sequences.map((tokens, sequence) =>
    tokensOf(head, Int32Array.from(tokens.flat(2)), {
      sequence,
      weights: weights && Float32Array.from(weights[sequence] as number[]),
    }),
  );
  return traceInMemory(head, ...parts);
}

/**
 * Tokens that keep to a topic: expert e of layer l belongs to topic (e + l) mod topics, and most steps stay in theirs. The
 * first two experts of a topic, then others.
 */
export function topicalTrace(
  { layers, experts, k, ranked = true }: { layers: number; experts: number; k: number; ranked?: boolean },
  topics: number,
  { sequences = 8, tokens = 60, stray = 0.2 } = {},
): Trace {
  const random = uniforms(5);
  const one = () => {
    const topic = Math.floor(random() * topics);
    return Array.from({ length: layers }, (_, layer) => {
      const chosen: number[] = [];
      while (chosen.length < k) {
        const own = ((topic - layer + layers * topics) % topics) + topics * Math.floor((random() * experts) / topics);
        const expert = random() < stray || own >= experts ? Math.floor(random() * experts) : own;
        if (!chosen.includes(expert)) chosen.push(expert);
      }
      return ranked ? chosen : chosen.sort((a, b) => a - b);
    });
  };
  const head = { layers, experts, k, ranked };
  return traceOf(
    head,
    Array.from({ length: sequences }, () => Array.from({ length: tokens }, one)),
  );
}
