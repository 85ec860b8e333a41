/** Several traces of one shape as one. */

import { InvalidArgumentError } from '../errors.js';
import type { Trace, TraceTokens } from './trace.js';

/**
 * Sequences are numbered on: those of each trace come after those before. Where the number of experts was taken from the ids
 * that occur, it is the highest of all.
 *
 * @throws InvalidArgumentError when their shapes differ
 */
export function concatenate(traces: { path: string; trace: Trace }[]): Trace {
  const [first, ...others] = traces;
  if (!first) throw new InvalidArgumentError('there is no trace to read');
  if (others.length === 0) return first.trace;
  for (const { path, trace } of others) {
    if (trace.layers === first.trace.layers && trace.k === first.trace.k) continue;
    throw new InvalidArgumentError(
      `${path} has ${trace.layers} layers and ${trace.k} experts per token, ${first.path} has ${first.trace.layers} and ${first.trace.k}`,
    );
  }
  return {
    ...first.trace,
    ...inCommon(traces.map(({ trace }) => trace)),
    async *chunks() {
      let offset = 0;
      for (const { trace } of traces) {
        let highest = -1;
        for await (const tokens of trace.chunks()) {
          for (const sequence of tokens.sequence) if (sequence > highest) highest = sequence;
          yield withSequencesFrom(tokens, offset);
        }
        offset += highest + 1;
      }
    },
  };
}

function inCommon(traces: Trace[]): Partial<Trace> {
  const same = <T>(values: T[]) =>
    values.every((value) => String(value) === String(values[0])) ? values[0] : undefined;
  return {
    experts: Math.max(...traces.map(({ experts }) => experts)),
    ranked: traces.every(({ ranked }) => ranked),
    model: same(traces.map(({ model }) => model)),
    modelHash: same(traces.map(({ modelHash }) => modelHash)),
    architecture: same(traces.map(({ architecture }) => architecture)),
    expertBytes: same(traces.map(({ expertBytes }) => expertBytes)),
  };
}

function withSequencesFrom(tokens: TraceTokens, offset: number): TraceTokens {
  return { ...tokens, sequence: tokens.sequence.map((sequence) => sequence + offset) };
}
