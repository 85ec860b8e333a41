/** Sequences of a trace, in memory, as they are replayed side by side: which experts each token uses, and is expected to. */

import { addRoute, wordsOf } from '../scheduling/regroup/expert-sets.js';
import { addToHabit, habitSet } from '../scheduling/regroup/habit.js';
import type { Holdout } from '../trace/holdout.js';
import { DECODE, type Trace, type TraceHeader } from '../trace/trace.js';
import { chosenChunks } from './chunks.js';

export interface ReplayedSequence {
  sequence: number;
  /** [tokens] of prompt and text. */
  ids: Int32Array;
  /** [tokens][layers][k] */
  experts: Int32Array;
  /** Tokens that come before the first generated one. */
  promptTokens: number;
  /** [tokens][words] the experts of each token as sets. */
  used: Uint32Array;
}

interface Buffered {
  ids: number[];
  phase: number[];
  experts: Int32Array[];
}

/** Those with generated tokens, in the order in which they begin. */
export async function readSequences(
  trace: Trace,
  holdout: Holdout | undefined,
  signal: AbortSignal | undefined,
): Promise<ReplayedSequence[]> {
  const row = trace.layers * trace.k;
  const buffered = new Map<number, Buffered>();
  for await (const { count, sequence, token, phase, experts } of chosenChunks(trace, { holdout }, signal)) {
    for (let i = 0; i < count; i++) {
      const name = sequence[i] as number;
      let one = buffered.get(name);
      if (!one) buffered.set(name, (one = { ids: [], phase: [], experts: [] }));
      one.ids.push(token[i] as number);
      one.phase.push(phase[i] as number);
      one.experts.push(experts.slice(i * row, (i + 1) * row));
    }
  }
  return [...buffered]
    .map(([sequence, { ids, phase, experts }]) => {
      const firstDecoded = phase.indexOf(DECODE);
      const flat = new Int32Array(experts.length * row);
      experts.forEach((one, i) => {
        flat.set(one, i * row);
      });
      return {
        sequence,
        ids: Int32Array.from(ids),
        experts: flat,
        promptTokens: firstDecoded < 0 ? ids.length : firstDecoded,
        used: setsOf(trace, flat),
      };
    })
    .filter(({ ids, promptTokens }) => ids.length > promptTokens);
}

/** [tokens][words] */
function setsOf(header: TraceHeader, experts: Int32Array): Uint32Array {
  const row = header.layers * header.k;
  const words = wordsOf(header);
  const tokens = experts.length / row;
  const sets = new Uint32Array(tokens * words);
  for (let token = 0; token < tokens; token++) {
    addRoute(setAt(sets, token, words), experts.subarray(token * row, (token + 1) * row), header);
  }
  return sets;
}

export function setAt(sets: Uint32Array, token: number, words: number): Uint32Array {
  return sets.subarray(token * words, (token + 1) * words);
}

/** [tokens][words] as the token before used; nothing at the first. */
export function setsOfPrevious({ used }: ReplayedSequence, words: number): Uint32Array {
  const sets = new Uint32Array(used.length);
  sets.set(used.subarray(0, used.length - words), words);
  return sets;
}

/** [tokens][words] what was a habit of the sequence before the token. */
export function setsOfHabit(header: TraceHeader, { experts, used }: ReplayedSequence): Uint32Array {
  const row = header.layers * header.k;
  const words = wordsOf(header);
  const sets = new Uint32Array(used.length);
  const habit = new Float32Array(header.layers * header.experts);
  for (let token = 0; token * row < experts.length; token++) {
    habitSet(habit, setAt(sets, token, words));
    addToHabit(habit, experts.subarray(token * row, (token + 1) * row), header);
  }
  return sets;
}
