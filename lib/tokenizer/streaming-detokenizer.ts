import { createTextDecoder, type DecodeOptions, type TokenSource, TokenText } from './token-text.js';

/**
 * Turns tokens into text as they arrive. A character can be spread over several tokens: its bytes wait until it is
 * complete, so no piece ends in a broken one. The pieces together are exactly `tokenizer.decode` of all tokens with the
 * same options.
 */
export class StreamingDetokenizer {
  readonly #text: TokenText;
  readonly #decoder = createTextDecoder();

  constructor(tokenizer: TokenSource, options: DecodeOptions = {}) {
    this.#text = new TokenText(tokenizer, options);
  }

  /**
   * The text that is certain after one more token; often empty.
   *
   * @throws InvalidArgumentError when `tokenId` is no token of the vocabulary
   */
  push(tokenId: number): string {
    return this.#decoder.decode(this.#text.next(tokenId), { stream: true });
  }

  /** The rest at the end of the stream: U+FFFD if the last character never became complete, otherwise nothing. */
  flush(): string {
    return this.#decoder.decode();
  }
}
