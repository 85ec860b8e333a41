/** Traces with a rule, so that there is something to learn. */

import { DECODE, type Trace, type TraceTokens, TraceWriter, traceInMemory } from '../../lib/index.js';
import { below, uniforms } from '../../lib/random.js';

export const shape = { layers: 3, experts: 8, k: 2 };

/** In each layer an expert of the token's and one of the token before it. */
export function ruledRoute(token: number, before: number): number[] {
  return Array.from({ length: shape.layers }, (_, layer) => {
    const first = (token * 5 + layer) % shape.experts;
    const second = (before * 3 + 2 * layer) % shape.experts;
    return [first, second === first ? (second + 1) % shape.experts : second];
  }).flat();
}

/** Random tokens of a small vocabulary, routed by the rule. */
export function ruledTrace({
  sequences = 20,
  tokens = 60,
  vocabulary = 12,
  seed = 1,
  modelHash = 'a'.repeat(64),
} = {}): Trace {
  const random = uniforms(seed);
  const parts = Array.from({ length: sequences }, (_, sequence): TraceTokens => {
    const ids = Int32Array.from({ length: tokens }, () => below(vocabulary, random));
    return {
      count: tokens,
      sequence: new Int32Array(tokens).fill(sequence),
      position: Int32Array.from(ids, (_, i) => i),
      token: ids,
      phase: new Uint8Array(tokens).fill(DECODE),
      experts: Int32Array.from(Array.from(ids, (id, i) => ruledRoute(id, i > 0 ? (ids[i - 1] as number) : 0)).flat()),
    };
  });
  return traceInMemory({ ...shape, ranked: true, modelHash }, ...parts);
}

/** Small enough for seconds. */
export const small = {
  hidden: 24,
  tokenWidth: 8,
  batchTokens: 32,
  learningRate: 0.01,
  epochs: 8,
  holdout: 0.2,
} as const;

/** @returns the path */
export async function writeTraceTo(path: string, trace: Trace): Promise<string> {
  const { chunks, ...header } = trace;
  await using writer = await TraceWriter.create(path, header);
  for await (const tokens of chunks()) await writer.write(tokens);
  return path;
}
