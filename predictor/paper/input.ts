/** Token ids as the network takes them. */

import type { PaperInput } from './network.js';
import type { Window } from './sequences.js';

/** Row of the table for tokens that have none of their own, and for a prompt that is not known. */
const unknown = 0;

export function paperInput(
  { prompt, decoded }: Pick<Window, 'prompt' | 'decoded'>,
  rowOf: ReadonlyMap<number, number>,
): PaperInput {
  const rows = (tokens: Int32Array) => tokens.map((token) => rowOf.get(token) ?? unknown);
  return { prompt: prompt.length > 0 ? rows(prompt) : Int32Array.of(unknown), decoded: rows(decoded) };
}

/** Takes a share of the tokens for unknown ones. */
export function forgetful({ prompt, decoded }: PaperInput, share: number, random: () => number): PaperInput {
  const forget = (rows: Int32Array) => rows.map((row) => (random() < share ? unknown : row));
  return { prompt: forget(prompt), decoded: forget(decoded) };
}
