/** Small traces, and all that a trace holds. */

import { type Trace, type TraceHeader, type TraceTokens, traceInMemory } from '../../lib/index.js';

export const header: TraceHeader = {
  layers: 2,
  experts: 5,
  k: 2,
  ranked: true,
  model: 'a "model", ünïcode',
  architecture: 'qwen3moe',
  expertBytes: [1000, 2000],
};

/** Two sequences that alternate; a layer that was not recorded, a token that is not known. */
export const tokens: TraceTokens = {
  count: 4,
  sequence: Int32Array.of(0, 1, 0, 1),
  position: Int32Array.of(0, 7, 1, 8),
  token: Int32Array.of(11, -1, 13, 14),
  phase: Uint8Array.of(0, 0, 1, 1),
  experts: Int32Array.of(0, 1, 2, 3, 4, 0, -1, -1, 1, 0, 3, 4, 2, 4, 0, 3),
  weights: Float32Array.of(0.75, 0.25, 0.1, 0.9, 1, 0, 0, 0, 0.5, 0.5, 1 / 3, 2 / 3, 0.6, 0.4, 0.2, 0.8),
};

export const small: Trace = traceInMemory(header, tokens);

/** All of a trace, as plain arrays. */
export async function contentOf(trace: Trace) {
  const { chunks, ...head } = trace;
  const all = { sequence: [], position: [], token: [], phase: [], experts: [], weights: [] } as Record<
    string,
    number[]
  >;
  for await (const chunk of trace.chunks()) {
    for (const [name, values] of Object.entries(all)) {
      for (const value of chunk[name as 'sequence'] ?? []) values.push(value);
    }
  }
  return { header: head, ...all } as { header: TraceHeader } & Record<
    'sequence' | 'position' | 'token' | 'phase' | 'experts' | 'weights',
    number[]
  >;
}
