/** Tokens by id and by text, and what each token is: text, a byte, a control token. */

import { InvalidArgumentError } from '../errors.js';
import { fromByteAlphabet } from './byte-alphabet.js';
import { describeValue } from './describe-value.js';
import { endTokenNames } from './end-of-generation.js';
import { type TokenizerData, TokenType } from './tokenizer-data.js';

/** How the text of a normal token stands for bytes. */
export type TokenSpelling = 'byte-alphabet' | 'sentencepiece';

const utf8 = new TextEncoder();
const spaceSymbol = '\u2581';
const byteTokenName = /^<0x([0-9A-Fa-f]{2})>$/;
/** A name that is never prose, such as <|im_start|>; DeepSeek writes it with full-width bars. */
const controlName = /^<[|\uFF5C].+[|\uFF5C]>$/su;

export class Vocabulary {
  readonly size: number;
  readonly #data: TokenizerData;
  readonly #spelling: TokenSpelling;
  #idByText: Map<string, number> | undefined;

  constructor(data: TokenizerData, spelling: TokenSpelling) {
    this.size = data.tokens.length;
    this.#data = data;
    this.#spelling = spelling;
  }

  /** @throws InvalidArgumentError unless `id` is a token; `place` says where the id stands, e.g. "tokens[3]" */
  checkId(id: number, place: string): void {
    if (Number.isInteger(id) && id >= 0 && id < this.size) return;
    const problem = `${place} is ${describeValue(id)}, expected a whole number from 0 to ${this.size - 1}`;
    throw new InvalidArgumentError(`${problem}: the model has ${this.size} tokens.`);
  }

  textOf(id: number): string {
    return this.#data.tokens[id] as string;
  }

  /** UTF-16 units of the longest token as the vocabulary spells it, of which each stands for one of a text at most. */
  longestText(): number {
    return this.#data.tokens.reduce((longest, { length }) => Math.max(longest, length), 0);
  }

  /** The token's {@link TokenType}, corrected where the file leaves a control token among the text tokens. */
  typeOf(id: number): number {
    const { tokenTypes } = this.#data;
    if (tokenTypes === undefined) return this.#isNamedSpecial(id) ? TokenType.Control : TokenType.Normal;
    const type = tokenTypes[id] as number;
    const isText = type === TokenType.Normal || type === TokenType.Undefined;
    return isText && endTokenNames.has(this.textOf(id)) ? TokenType.Control : type;
  }

  #isNamedSpecial(id: number): boolean {
    const { bosTokenId, eosTokenId, eotTokenId, eomTokenId, unknownTokenId } = this.#data;
    return (
      [bosTokenId, eosTokenId, eotTokenId, eomTokenId, unknownTokenId].includes(id) ||
      endTokenNames.has(this.textOf(id)) ||
      controlName.test(this.textOf(id))
    );
  }

  /** Whether the token stands for text in a reader's eyes; control, unknown and unused tokens do not. */
  isText(id: number): boolean {
    const type = this.typeOf(id);
    return type !== TokenType.Control && type !== TokenType.Unknown && type !== TokenType.Unused;
  }

  /** Whether a normal piece of text may become this token, as opposed to tokens that are only named by it. */
  #isReachableByMerging(id: number): boolean {
    const type = this.typeOf(id);
    return type === TokenType.Normal || type === TokenType.UserDefined || type === TokenType.Undefined;
  }

  /** The token that is this text in the vocabulary's own spelling. Never a control token: text cannot forge one. */
  idOfText(text: string): number | undefined {
    this.#idByText ??= this.#indexTexts();
    return this.#idByText.get(text);
  }

  #indexTexts(): Map<string, number> {
    const index = new Map<string, number>();
    for (let id = 0; id < this.size; id++) {
      const text = this.textOf(id);
      if (this.#isReachableByMerging(id) && !index.has(text)) index.set(text, id);
    }
    return index;
  }

  /** The token of each single byte, written <0x00> to <0xFF>; undefined where the vocabulary lacks one. */
  byteTokens(): (number | undefined)[] {
    const ids = new Array<number | undefined>(256).fill(undefined);
    for (let id = 0; id < this.size; id++) {
      const byte = this.typeOf(id) === TokenType.Byte ? byteNamed(this.textOf(id)) : undefined;
      if (byte !== undefined) ids[byte] ??= id;
    }
    return ids;
  }

  /**
   * Tokens that are cut out of the text by name before anything else.
   * User-defined tokens (such as <think>) always are; control tokens only where the caller allows it. A user-defined
   * token whose name looks like a control token counts as one.
   */
  namedTokens(withControl: boolean): Map<string, number> {
    const named = new Map<string, number>();
    for (let id = 0; id < this.size; id++) {
      const text = this.textOf(id);
      if (this.#isNamed(id, text, withControl) && !named.has(text)) named.set(text, id);
    }
    return named;
  }

  #isNamed(id: number, text: string, withControl: boolean): boolean {
    const type = this.typeOf(id);
    if (type === TokenType.UserDefined && text.length > 0) return withControl || !controlName.test(text);
    // A name of one UTF-16 unit could not be escaped, see SpecialTokenMatcher.
    return withControl && text.length > 1 && (type === TokenType.Control || type === TokenType.Unknown);
  }

  /** The exact bytes that the token stands for; of a control token, its name. */
  bytesOf(id: number): Uint8Array {
    const text = this.textOf(id);
    const type = this.typeOf(id);
    if (type === TokenType.Byte) {
      const byte = byteNamed(text);
      return byte === undefined ? utf8.encode(text) : Uint8Array.of(byte);
    }
    if (type !== TokenType.Normal && type !== TokenType.Undefined) return utf8.encode(text);
    return this.#spelling === 'byte-alphabet' ? fromByteAlphabet(text) : utf8.encode(text.replaceAll(spaceSymbol, ' '));
  }
}

function byteNamed(text: string): number | undefined {
  const match = byteTokenName.exec(text);
  return match === null ? undefined : Number.parseInt(match[1] as string, 16);
}
