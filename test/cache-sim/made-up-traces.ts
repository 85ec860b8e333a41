/** Traces that are made up for tests. */

import { DECODE, PREFILL, type Trace, type TraceTokens, tokensOf, traceInMemory } from '../../lib/trace/trace.js';

/** A sequence of numbers from 0 to 1 that is the same each time. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Shape {
  layers: number;
  experts: number;
  k: number;
}

/** Every token uses different experts of each layer, any with the same probability. */
export function randomRoutes({ layers, experts, k }: Shape, tokens: number, random: () => number): Int32Array {
  const routes = new Int32Array(tokens * layers * k);
  const all = Array.from({ length: experts }, (_, expert) => expert);
  for (let at = 0; at < routes.length; at += k) {
    for (let rank = 0; rank < k; rank++) {
      const other = rank + Math.floor(random() * (experts - rank));
      [all[rank], all[other]] = [all[other] as number, all[rank] as number];
      routes[at + rank] = all[rank] as number;
    }
  }
  return routes;
}

/** Sequences one after another, each with a prompt first. */
export function randomTrace(shape: Shape, lengths: { prompt: number; text: number }[], seed: number): Trace {
  const random = randomNumbers(seed);
  const parts = lengths.map(({ prompt, text }, sequence): TraceTokens => {
    const part = tokensOf(shape as Trace, randomRoutes(shape, prompt + text, random), { sequence });
    return { ...part, phase: part.phase.map((_, token) => (token < prompt ? PREFILL : DECODE)) };
  });
  return traceInMemory({ ...shape, ranked: true }, ...parts);
}

/** One layer, one expert per token: [sequence, phase, expert]. */
export function tinyTrace(experts: number, rows: [sequence: number, phase: number, expert: number][]): Trace {
  const header = { layers: 1, experts, k: 1, ranked: true };
  const part = tokensOf(
    header,
    Int32Array.from(rows, ([, , expert]) => expert),
  );
  part.sequence.set(rows.map(([sequence]) => sequence));
  part.phase.set(rows.map(([, phase]) => phase));
  return traceInMemory(header, part);
}
