/** Keeps a generation to one JSON object: which tokens may come next, by where the text stands. */

import { UnsupportedError } from '../../errors.js';
import type { Tokenizer } from '../../tokenizer/index.js';
import type { TokenConstraint } from '../constraint.js';
import { type JsonState, jsonStart, nextState } from './grammar.js';

/** Masks that are kept: texts come back to the same few places all the time. */
const mostMasks = 256;

/** With these, each as a token of its own, a text can go on from wherever it stands. */
const needed = '{}[]:,"0aeflnrstu';

/** Of one vocabulary; made once, used by all generations. */
export class JsonMasks {
  /** Tokens with text that do not end it, by their bytes: those that begin alike are side by side. */
  readonly #tokens: { id: number; bytes: Uint8Array; alike: number }[];
  readonly #bytes: number;
  readonly #masks = new Map<string, Uint8Array>();

  /** @throws UnsupportedError for a vocabulary that cannot write JSON */
  constructor(tokenizer: Tokenizer) {
    this.#bytes = Math.ceil(tokenizer.vocabSize / 8);
    const texts = [...Array(tokenizer.vocabSize).keys()]
      .filter((id) => tokenizer.isText(id) && !tokenizer.isEndOfGeneration(id))
      .map((id) => ({ id, bytes: tokenizer.tokenBytes(id) }))
      .filter(({ bytes }) => bytes.length > 0)
      .sort((a, b) => compare(a.bytes, b.bytes));
    this.#tokens = texts.map((token, i) => ({
      ...token,
      alike: i === 0 ? 0 : common((texts[i - 1] as { bytes: Uint8Array }).bytes, token.bytes),
    }));
    const missing = [...needed].find((character) => !texts.some(({ bytes }) => isOnly(bytes, character)));
    if (missing) throw new UnsupportedError(`the model's vocabulary has no token for ${missing} alone; json needs one`);
  }

  /** Bits of the tokens that may come where the text stands. */
  allowed(state: JsonState): Uint8Array {
    const key = `${state.mode} ${state.isKey} ${state.rest} ${state.blanks} ${state.open}`;
    const known = this.#masks.get(key);
    if (known) return known;
    const mask = this.#compute(state);
    const oldest = this.#masks.keys().next().value;
    if (this.#masks.size >= mostMasks && oldest !== undefined) this.#masks.delete(oldest);
    this.#masks.set(key, mask);
    return mask;
  }

  #compute(start: JsonState): Uint8Array {
    const mask = new Uint8Array(this.#bytes);
    /** After so many bytes of the token at hand; those that begin alike need not be gone through again. */
    const states: (JsonState | undefined)[] = [start];
    let reached = 0;
    for (const { id, bytes, alike } of this.#tokens) {
      reached = Math.min(reached, alike);
      while (reached < bytes.length && states[reached]) {
        states[reached + 1] = nextState(states[reached] as JsonState, bytes[reached] as number);
        reached++;
      }
      if (reached === bytes.length && states[reached]) mask[id >> 3] = (mask[id >> 3] as number) | (1 << (id & 7));
    }
    return mask;
  }
}

/** Of one generation. */
export class JsonConstraint implements TokenConstraint {
  readonly #masks: JsonMasks;
  readonly #tokenizer: Tokenizer;
  #state: JsonState = jsonStart;

  constructor(masks: JsonMasks, tokenizer: Tokenizer) {
    this.#masks = masks;
    this.#tokenizer = tokenizer;
  }

  allowed(): Uint8Array {
    return this.#masks.allowed(this.#state);
  }

  accept(token: number): 'complete' | undefined {
    for (const byte of this.#tokenizer.tokenBytes(token)) {
      const next = nextState(this.#state, byte);
      if (!next) throw new Error(`token ${token} cannot come here`);
      this.#state = next;
    }
    return this.#state.mode === 'done' ? 'complete' : undefined;
  }
}

function isOnly(bytes: Uint8Array, character: string): boolean {
  return bytes.length === 1 && bytes[0] === character.charCodeAt(0);
}

function common(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = common(a, b);
  return (a[length] ?? -1) - (b[length] ?? -1);
}
