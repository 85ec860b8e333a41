/** Sequences of a trace, put together for batches as the reference values want them. */

import { type Trace, type TraceTokens, tokensOf, traceInMemory } from '../../lib/trace/trace.js';

const tokensEach = 300;

/** The first 300 tokens of whole groups of `batch` sequences that have so many, in the order e[29 j mod n]. */
export async function wholeGroups(trace: Trace, batch: number): Promise<Trace> {
  const routes = await routesBySequence(trace);
  const length = tokensEach * trace.layers * trace.k;
  const long = [...routes.values()].filter((route) => route.length >= length);
  const ordered = long.map((_, j) => (long[(29 * j) % long.length] as number[]).slice(0, length));
  const parts = ordered
    .slice(0, ordered.length - (ordered.length % batch))
    .map((route, sequence) => tokensOf(trace, Int32Array.from(route), { sequence }));
  return traceInMemory(trace, ...parts);
}

async function routesBySequence({ layers, k, chunks }: Trace): Promise<Map<number, number[]>> {
  const routes = new Map<number, number[]>();
  for await (const { count, sequence, experts } of chunks()) {
    for (let token = 0; token < count; token++) {
      const name = sequence[token] as number;
      const route = routes.get(name) ?? [];
      route.push(...experts.subarray(token * layers * k, (token + 1) * layers * k));
      routes.set(name, route);
    }
  }
  return routes;
}

/** What perfect prediction would hit with so many places per layer: all that a layer needs, as far as they fit. */
export async function boundOf(groups: Trace, batch: number, slots: number): Promise<number> {
  const { layers, k } = groups;
  const parts: TraceTokens[] = [];
  for await (const part of groups.chunks()) parts.push(part);
  let bound = 0;
  for (let first = 0; first < parts.length; first += batch) {
    const group = parts.slice(first, first + batch);
    for (let at = 0; at < tokensEach * layers; at++) {
      const needed = new Set(group.flatMap(({ experts }) => [...experts.subarray(at * k, (at + 1) * k)]));
      bound += Math.min(slots, needed.size);
    }
  }
  return bound;
}
