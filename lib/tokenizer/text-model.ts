/** What the tokenizer asks of a kind of vocabulary: to turn plain text, free of named tokens, into token ids. */
export interface TextModel {
  /** Most UTF-16 units of a text that one token stands for; infinity where any number may become one. */
  readonly longestToken: number;

  /**
   * Appends the tokens of a stretch of plain text.
   *
   * @param text well-formed UTF-16
   * @param startsAfterToken whether the stretch is at the beginning or behind a named token
   */
  encode(text: string, startsAfterToken: boolean, output: number[]): void;
}
