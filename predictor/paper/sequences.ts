/** A trace as the paper's predictor takes it: what was decoded, and the prompt before it. */

import { shuffle } from '../../lib/random.js';
import { NOT_RECORDED, PREFILL, type Trace } from '../../lib/trace/trace.js';
import type { RouteRows, SequenceRows } from '../dataset.js';

export const longestWindow = 512;

/** What is predicted at once. */
export interface Window {
  sequence: number;
  /** Token ids; empty where no prompt is known. */
  prompt: Int32Array;
  /** Token ids. */
  decoded: Int32Array;
  /** Of each of these, its row in the data set; -1 for a token without a route. */
  rows: Int32Array;
}

/**
 * The windows of all sequences, in which every row of the data set is predicted once.
 *
 * The tokens from a sequence's first decoded one on are predicted after the last of its prompt, and the prompt's own tokens
 * without one. A sequence of only prompt tokens, or of only decoded ones, is cut into windows, of each of which the first
 * quarter is taken for the prompt of the rest. Windows without a row are left out.
 */
export async function readWindows(trace: Trace, routes: RouteRows): Promise<Window[]> {
  const { layers, k } = trace;
  const route = layers * k;
  const sequences = new Map<number, { tokens: number[]; hasRoute: boolean[]; prompt: number; decodes: boolean }>();
  for await (const chunk of trace.chunks()) {
    for (let i = 0; i < chunk.count; i++) {
      const number = chunk.sequence[i] as number;
      let sequence = sequences.get(number);
      if (!sequence) sequences.set(number, (sequence = { tokens: [], hasRoute: [], prompt: 0, decodes: false }));
      sequence.tokens.push(chunk.token[i] as number);
      sequence.hasRoute.push(
        chunk.experts.subarray(i * route, (i + 1) * route).some((expert) => expert !== NOT_RECORDED),
      );
      if (chunk.phase[i] !== PREFILL) sequence.decodes = true;
      else if (!sequence.decodes) sequence.prompt++;
    }
  }
  return routes.sequences.flatMap(({ sequence, first }) => {
    const { tokens, hasRoute, prompt, decodes } = sequences.get(sequence) as NonNullable<
      ReturnType<(typeof sequences)['get']>
    >;
    let row = first;
    const whole = {
      sequence,
      tokens: Int32Array.from(tokens),
      rows: Int32Array.from(hasRoute, (has) => (has ? row++ : -1)),
    };
    const windows = decodes && prompt > 0 ? windowsAfter(whole, prompt) : windowsWithin(whole);
    return windows.filter(({ rows }) => rows.some((row) => row >= 0));
  });
}

interface WholeSequence {
  sequence: number;
  tokens: Int32Array;
  rows: Int32Array;
}

function windowsAfter(whole: WholeSequence, prompt: number): Window[] {
  const windows: Window[] = [];
  for (let at = 0; at < whole.tokens.length; ) {
    const isPrompt = at < prompt;
    const end = Math.min(at + longestWindow, isPrompt ? prompt : whole.tokens.length);
    windows.push(windowOf(whole, isPrompt ? [0, 0] : [Math.max(0, prompt - longestWindow), prompt], [at, end]));
    at = end;
  }
  return windows;
}

function windowsWithin(whole: WholeSequence): Window[] {
  const windows: Window[] = [];
  for (let at = 0; at < whole.tokens.length; at += longestWindow) {
    const end = Math.min(at + longestWindow, whole.tokens.length);
    const middle = at + Math.floor((end - at) / 4);
    if (middle > at) windows.push(windowOf(whole, [at, at], [at, middle]));
    windows.push(windowOf(whole, [at, middle], [middle, end]));
  }
  return windows;
}

function windowOf({ sequence, tokens, rows }: WholeSequence, prompt: number[], decoded: number[]): Window {
  return {
    sequence,
    prompt: tokens.subarray(...prompt),
    decoded: tokens.subarray(...decoded),
    rows: rows.subarray(...decoded),
  };
}

/** The windows of some sequences. */
export function windowsOf(windows: readonly Window[], sequences: readonly SequenceRows[]): Window[] {
  const wanted = new Set(sequences.map(({ sequence }) => sequence));
  return windows.filter(({ sequence }) => wanted.has(sequence));
}

/** The rows that are predicted with a prompt known, which is what the paper predicts. */
export function rowsAfterPrompts(windows: readonly Window[]): SequenceRows[] {
  return windows.flatMap(({ sequence, prompt, rows }) => {
    const known = rows.filter((row) => row >= 0);
    if (prompt.length === 0 || known.length === 0) return [];
    return [{ sequence, first: known[0] as number, count: known.length, heldOut: true }];
  });
}

/** Groups of windows in an order of chance, each cut at random to 20 to 100% as the prototype does. */
export function* shuffledWindows(windows: readonly Window[], size: number, random: () => number): Generator<Window[]> {
  const order = Int32Array.from(windows, (_, i) => i);
  shuffle(order, random);
  for (let at = 0; at < order.length; at += size) {
    yield Array.from(order.subarray(at, at + size), (i) => {
      const window = windows[i] as Window;
      const kept = Math.ceil(window.decoded.length * (0.2 + 0.8 * random()));
      return { ...window, decoded: window.decoded.subarray(0, kept), rows: window.rows.subarray(0, kept) };
    });
  }
}
