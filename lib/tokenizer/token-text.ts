/** The bytes that tokens add to the text, one token after the other. */

import { TextDecoder } from 'node:util';

/** What is needed of a tokenizer to turn its tokens into text. */
export interface TokenSource {
  /** Whether a text begins with a space that is not its own. */
  readonly addsSpacePrefix: boolean;
  /** Whether a token stands for text, unlike control tokens. */
  isText(id: number): boolean;
  /** The token's bytes. */
  tokenBytes(id: number): Uint8Array;
}

const nothing = new Uint8Array(0);

/** Tokens of which no text is known. */
export const withoutText: TokenSource = { addsSpacePrefix: false, isText: () => false, tokenBytes: () => nothing };

export interface DecodeOptions {
  /** Show control, unknown and unused tokens by their names. Default false: they are no text. */
  readonly special?: boolean;
  /**
   * The tokens follow earlier text, so a space at their beginning is meant. Default false: the space that a SentencePiece
   * vocabulary puts before a text is taken away again.
   */
  readonly keepLeadingSpace?: boolean;
}

const space = 0x20;

export class TokenText {
  readonly #source: TokenSource;
  readonly #showsSpecial: boolean;
  #dropsLeadingSpace: boolean;

  constructor(source: TokenSource, options: DecodeOptions = {}) {
    this.#source = source;
    this.#showsSpecial = options.special ?? false;
    this.#dropsLeadingSpace = source.addsSpacePrefix && !(options.keepLeadingSpace ?? false);
  }

  /** The bytes that the next token adds; none for a hidden token. */
  next(id: number): Uint8Array {
    const bytes = this.#source.tokenBytes(id);
    if (!this.#showsSpecial && !this.#source.isText(id)) return nothing;
    if (bytes.length === 0) return nothing;
    const dropsSpace = this.#dropsLeadingSpace && bytes[0] === space;
    this.#dropsLeadingSpace = false;
    return dropsSpace ? bytes.subarray(1) : bytes;
  }
}

/** Invalid bytes become U+FFFD; a byte order mark is kept, since it was in the text. */
export function createTextDecoder(): TextDecoder {
  return new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
}
