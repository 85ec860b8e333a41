/** Text to token ids and back, by the vocabulary of a GGUF file. */

import { InvalidArgumentError, MoeflowError, UnsupportedError } from '../errors.js';
import { describeValue } from './describe-value.js';
import { endOfGenerationIds } from './end-of-generation.js';
import { setUp, type TokenizerSetup } from './setup.js';
import { SpecialTokenMatcher } from './special-tokens.js';
import { StreamingDetokenizer } from './streaming-detokenizer.js';
import type { TextModel } from './text-model.js';
import { createTextDecoder, type DecodeOptions, type TokenSource, TokenText, withoutText } from './token-text.js';
import { type TokenizerData, tokenizerDataFromMetadata } from './tokenizer-data.js';

export interface EncodeOptions {
  /** Put the begin and end tokens around the text that the file asks for. Default true. */
  readonly addSpecial?: boolean;
  /** Read names of control tokens in the text, such as <|im_start|>, as these tokens. Default false: they are plain text. */
  readonly parseSpecial?: boolean;
  /** Is removed from the text once control tokens were found; see {@link Tokenizer.escapeSpecial}. */
  readonly escapeMark?: string;
}

/** The tokenizer of one model. Construction is cheap; tables for encoding are built at the first text. */
export class Tokenizer implements TokenSource {
  readonly #setup: TokenizerSetup;
  readonly #unavailable: UnsupportedError | undefined;
  readonly #endIds: ReadonlySet<number>;
  readonly #matchers = new Map<boolean, SpecialTokenMatcher>();
  #model: TextModel | undefined;

  /**
   * @param unavailable why there is no text for these tokens: using text throws it, token ids still work
   * @throws InvalidFileError for data that lacks what its kind of tokenizer needs
   */
  constructor(data: TokenizerData, unavailable?: UnsupportedError) {
    this.#setup = setUp(data);
    this.#unavailable = unavailable ?? this.#setup.unavailable;
    this.#endIds = endOfGenerationIds(this.#setup.data, this.#setup.vocabulary);
  }

  /**
   * The tokenizer of a file. Never throws: a model without a usable tokenizer still runs on token ids, and its tokenizer
   * throws the reason when text is used.
   */
  static fromMetadata(metadata: Readonly<Record<string, unknown>>): Tokenizer {
    try {
      return new Tokenizer(tokenizerDataFromMetadata(metadata));
    } catch (error) {
      if (!(error instanceof MoeflowError)) throw error;
      const reason = new UnsupportedError(error.message, { cause: error });
      return new Tokenizer({ model: 'none', tokens: [] }, reason);
    }
  }

  /** Why text cannot be used with this model; undefined when it can. */
  get unavailableReason(): string | undefined {
    return this.#unavailable?.message;
  }

  /** What is doubtful about the file's tokenizer, in sentences for a reader. */
  get warnings(): readonly string[] {
    return this.#setup.warnings;
  }

  /** Number of tokens in the vocabulary; 0 when the file has none. */
  get vocabSize(): number {
    return this.#setup.vocabulary.size;
  }

  get bosTokenId(): number | undefined {
    return this.#setup.data.bosTokenId;
  }

  get eosTokenId(): number | undefined {
    return this.#setup.data.eosTokenId;
  }

  get eotTokenId(): number | undefined {
    return this.#setup.data.eotTokenId;
  }

  /** Whether `encode` puts the begin token first. */
  get addBos(): boolean {
    return this.#setup.addBos;
  }

  /** Whether `encode` puts the end token last. */
  get addEos(): boolean {
    return this.#setup.addEos;
  }

  get addsSpacePrefix(): boolean {
    return this.#setup.addsSpacePrefix;
  }

  /**
   * The token ids of a text. Lone surrogates become U+FFFD, as in every UTF-8 encoder of the platform.
   *
   * @throws InvalidArgumentError when `text` is no string, UnsupportedError without tokenizer
   */
  encode(text: string, options: EncodeOptions = {}): Int32Array {
    this.#requireText();
    const { addSpecial = true, parseSpecial = false, escapeMark = '' } = options;
    const { data, addBos, addEos } = this.#setup;
    const model = this.#textModel();
    const output: number[] = [];
    if (addSpecial && addBos) output.push(data.bosTokenId as number);
    let startsAfterToken = true;
    for (const segment of this.#matcher(parseSpecial).segments(wellFormed(text))) {
      if ('tokenId' in segment) output.push(segment.tokenId);
      else model.encode(withoutMark(segment.text, escapeMark), startsAfterToken, output);
      startsAfterToken = 'tokenId' in segment;
    }
    if (addSpecial && addEos) output.push(data.eosTokenId as number);
    return Int32Array.from(output);
  }

  /**
   * A number of tokens that a text cannot have fewer of, without encoding it.
   *
   * @throws UnsupportedError without tokenizer
   */
  fewestTokens(text: string, { escapeMark = '' }: EncodeOptions = {}): number {
    this.#requireText();
    return Math.ceil(withoutMark(text, escapeMark).length / this.#textModel().longestToken);
  }

  /**
   * The text of tokens. Bytes that are no UTF-8 become U+FFFD.
   *
   * @throws InvalidArgumentError naming the index, when an id is no token of the vocabulary
   */
  decode(tokens: ArrayLike<number>, options: DecodeOptions = {}): string {
    this.#requireText();
    const text = new TokenText(this, options);
    const chunks: Uint8Array[] = [];
    for (let index = 0; index < tokens.length; index++) {
      this.#setup.vocabulary.checkId(tokens[index] as number, `tokens[${index}]`);
      chunks.push(text.next(tokens[index] as number));
    }
    return createTextDecoder().decode(Buffer.concat(chunks));
  }

  /** Turns tokens into text as they come; without a usable tokenizer they have none. */
  stream(options: DecodeOptions = {}): StreamingDetokenizer {
    return new StreamingDetokenizer(this.#unavailable === undefined ? this : withoutText, options);
  }

  /** The exact bytes that a token stands for; of a control token, those of its name. @throws InvalidArgumentError */
  tokenBytes(id: number): Uint8Array {
    this.#requireText();
    this.#setup.vocabulary.checkId(id, 'token id');
    return this.#setup.vocabulary.bytesOf(id);
  }

  /** The token as the vocabulary spells it, for lists and reports. @throws InvalidArgumentError for an id that is no token */
  tokenName(id: number): string {
    this.#setup.vocabulary.checkId(id, 'token id');
    return this.#setup.vocabulary.textOf(id);
  }

  /** Whether a token stands for text; control, unknown and unused tokens do not. @throws InvalidArgumentError */
  isText(id: number): boolean {
    this.#setup.vocabulary.checkId(id, 'token id');
    return this.#setup.vocabulary.isText(id);
  }

  /** Whether a generation is over with this token. */
  isEndOfGeneration(id: number): boolean {
    return this.#endIds.has(id);
  }

  /** The control or user-defined token of this name, such as "<|im_start|>". */
  specialTokenId(name: string): number | undefined {
    return this.#matcher(true).idOf(name);
  }

  /**
   * Makes the names of control tokens in a text harmless for `encode(..., { parseSpecial: true, escapeMark: mark })`,
   * which then yields the tokens of the text as it was.
   *
   * @param mark a character that is not in the text
   */
  escapeSpecial(text: string, mark: string): string {
    return this.#matcher(true).escape(text, mark);
  }

  #textModel(): TextModel {
    this.#model ??= this.#setup.createTextModel();
    return this.#model;
  }

  #matcher(withControl: boolean): SpecialTokenMatcher {
    let matcher = this.#matchers.get(withControl);
    if (matcher === undefined) {
      matcher = new SpecialTokenMatcher(this.#setup.vocabulary.namedTokens(withControl));
      this.#matchers.set(withControl, matcher);
    }
    return matcher;
  }

  #requireText(): void {
    if (this.#unavailable !== undefined) throw this.#unavailable;
  }
}

function wellFormed(text: string): string {
  if (typeof text !== 'string') {
    throw new InvalidArgumentError(`text is ${describeValue(text)}, expected a string.`);
  }
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}

function withoutMark(text: string, mark: string): string {
  return mark === '' ? text : text.replaceAll(mark, '');
}
