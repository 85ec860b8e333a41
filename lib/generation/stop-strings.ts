/**
 * Finds stop strings in text that arrives in pieces of any size.
 *
 * The stop string that is complete first ends the text; of those complete at the same place, the longest counts. So the
 * result does not depend on how the text was cut. Matching is Knuth-Morris-Pratt, one automaton per stop string: linear
 * in the text, whatever the strings.
 */

import { InvalidArgumentError } from '../errors.js';

export interface StopResult {
  /** Text that cannot be part of a stop string any more. */
  readonly text: string;
  /** The stop string that ended the text; `text` ends right before it. */
  readonly stop?: string;
}

export class StopStrings {
  readonly #matchers: readonly StopMatcher[];
  #held = '';
  #stop: string | undefined;

  /** @throws InvalidArgumentError for a stop string that is empty or no well-formed string, naming its index */
  constructor(stops: readonly string[]) {
    for (const [index, stop] of stops.entries()) checkStop(stop, index);
    // Longest first, so that the first match at a place is the one that counts.
    this.#matchers = [...stops].sort((a, b) => b.length - a.length).map((stop) => new StopMatcher(stop));
  }

  /** The stop string found so far. */
  get stop(): string | undefined {
    return this.#stop;
  }

  /** Takes the next piece of text. After a stop string was found, further text is ignored. */
  push(piece: string): StopResult {
    if (this.#stop !== undefined) return { text: '', stop: this.#stop };
    const text = this.#held + piece;
    for (let index = this.#held.length; index < text.length; index++) {
      const stop = this.#advance(text.charCodeAt(index));
      if (stop !== undefined) return this.#endBefore(text.slice(0, index + 1), stop);
    }
    const heldLength = this.#matchers.reduce((longest, matcher) => Math.max(longest, matcher.matched), 0);
    this.#held = text.slice(text.length - heldLength);
    return { text: text.slice(0, text.length - heldLength) };
  }

  /** The text still held back when the stream ends without a stop string. */
  flush(): string {
    const text = this.#held;
    this.#held = '';
    for (const matcher of this.#matchers) matcher.reset();
    return text;
  }

  /** Every automaton takes the unit, so that none loses its place. */
  #advance(unit: number): string | undefined {
    let found: string | undefined;
    for (const matcher of this.#matchers) {
      if (matcher.advance(unit)) found ??= matcher.stop;
    }
    return found;
  }

  #endBefore(text: string, stop: string): StopResult {
    this.#stop = stop;
    this.#held = '';
    return { text: text.slice(0, text.length - stop.length), stop };
  }
}

/** How much of one stop string the end of the text matches. */
class StopMatcher {
  readonly stop: string;
  /** Length of the longest beginning of the stop string that the text ends with. */
  matched = 0;
  /** For each length matched, the next shorter one to try: the longest border of that beginning. */
  readonly #borders: Int32Array;

  constructor(stop: string) {
    this.stop = stop;
    this.#borders = new Int32Array(stop.length + 1);
    for (let length = 2; length <= stop.length; length++) {
      this.#borders[length] = this.#extend(this.#borders[length - 1] as number, stop.charCodeAt(length - 1));
    }
  }

  /** Takes the next UTF-16 unit; true when the stop string is complete. */
  advance(unit: number): boolean {
    const matched = this.matched === this.stop.length ? (this.#borders[this.matched] as number) : this.matched;
    this.matched = this.#extend(matched, unit);
    return this.matched === this.stop.length;
  }

  reset(): void {
    this.matched = 0;
  }

  #extend(matched: number, unit: number): number {
    let length = matched;
    while (length > 0 && this.stop.charCodeAt(length) !== unit) length = this.#borders[length] as number;
    return this.stop.charCodeAt(length) === unit ? length + 1 : 0;
  }
}

/** Half of a surrogate pair is no character, and in no generated text. */
export function hasHalfPair(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}

/** @throws InvalidArgumentError for {@link hasHalfPair half of a pair} */
export function checkWhole(text: string, name: string): void {
  if (!hasHalfPair(text)) return;
  throw new InvalidArgumentError(
    `${name} has half of a surrogate pair, which no generated text contains: leave it out.`,
  );
}

function checkStop(stop: unknown, index: number): void {
  if (typeof stop !== 'string') throw new InvalidArgumentError(`stop[${index}] is ${typeof stop}, expected a string.`);
  if (stop === '') throw new InvalidArgumentError(`stop[${index}] is empty, which would end every text: leave it out.`);
  checkWhole(stop, `stop[${index}]`);
}
