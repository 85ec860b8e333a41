/**
 * SentencePiece BPE (`tokenizer.ggml.model` = "llama"): no merge list; of the neighbouring symbols that together are a
 * token, the pair with the highest score is merged first. Characters that are no token become byte tokens.
 * Source: google/sentencepiece, `src/bpe_model.cc`.
 */

import { mergePairs } from './pair-merger.js';
import type { TextModel } from './text-model.js';
import type { TokenizerData } from './tokenizer-data.js';
import type { Vocabulary } from './vocabulary.js';

const utf8 = new TextEncoder();
/** Stands for a space. */
const spaceSymbol = '\u2581';

export class SentencePieceBpe implements TextModel {
  readonly #vocabulary: Vocabulary;
  readonly #scores: ArrayLike<number>;
  readonly #byteTokens: readonly (number | undefined)[];
  readonly #unknownTokenId: number;
  readonly #addSpacePrefix: boolean;

  /** @param data with scores */
  constructor(data: TokenizerData, vocabulary: Vocabulary, addSpacePrefix: boolean) {
    this.#vocabulary = vocabulary;
    this.#scores = data.scores as ArrayLike<number>;
    this.#byteTokens = vocabulary.byteTokens();
    this.#unknownTokenId = data.unknownTokenId ?? 0;
    this.#addSpacePrefix = addSpacePrefix;
  }

  get longestToken(): number {
    const isEveryByteToken = this.#byteTokens.every((token) => token !== undefined);
    return isEveryByteToken ? this.#vocabulary.longestText() : Number.POSITIVE_INFINITY;
  }

  encode(text: string, startsAfterToken: boolean, output: number[]): void {
    const prefix = this.#addSpacePrefix && startsAfterToken ? spaceSymbol : '';
    const symbols = prefix + text.replaceAll(' ', spaceSymbol);
    const offsets = mergePairs(characterOffsets(symbols), (start, _, end) => this.#rank(symbols.slice(start, end)));
    for (let index = 0; index + 1 < offsets.length; index++) {
      this.#appendSymbol(symbols.slice(offsets[index], offsets[index + 1]), output);
    }
  }

  #rank(text: string): number {
    const id = this.#vocabulary.idOfText(text);
    return id === undefined ? Number.POSITIVE_INFINITY : -(this.#scores[id] as number);
  }

  #appendSymbol(symbol: string, output: number[]): void {
    const id = this.#vocabulary.idOfText(symbol);
    if (id !== undefined) {
      output.push(id);
      return;
    }
    const bytes = Array.from(utf8.encode(symbol), (byte) => this.#byteTokens[byte]);
    if (bytes.every((byteToken) => byteToken !== undefined)) output.push(...bytes);
    else this.#appendUnknown(output);
  }

  /** A run of unknown characters is one unknown token, as in SentencePiece. */
  #appendUnknown(output: number[]): void {
    if (output.at(-1) !== this.#unknownTokenId) output.push(this.#unknownTokenId);
  }
}

/** Where each code point starts, followed by the text's length. */
function characterOffsets(text: string): number[] {
  const offsets: number[] = [];
  let offset = 0;
  for (const character of text) {
    offsets.push(offset);
    offset += character.length;
  }
  offsets.push(offset);
  return offsets;
}
