/**
 * Byte-level BPE (`tokenizer.ggml.model` = "gpt2"): words of the pre-tokenizer, as bytes, merged by the file's merges.
 * A GGUF file names no Unicode normalization, so, as in llama.cpp, there is none (Qwen's tokenizer.json has NFC): a text
 * always comes back as it was.
 */

import { InvalidFileError } from '../errors.js';
import { toByteAlphabet } from './byte-alphabet.js';
import { mergePairs } from './pair-merger.js';
import type { PreTokenizer } from './pre-tokenizer.js';
import type { TextModel } from './text-model.js';
import type { TokenizerData } from './tokenizer-data.js';
import type { Vocabulary } from './vocabulary.js';

/** Words repeat, so their tokens are kept; the cache is emptied when it is full, which bounds it without bookkeeping. */
const maxCachedWords = 20_000;
const maxCachedWordLength = 64;

export class ByteLevelBpe implements TextModel {
  readonly #vocabulary: Vocabulary;
  readonly #preTokenizer: PreTokenizer;
  readonly #unknownTokenId: number | undefined;
  readonly #rankByMerge: Map<string, number>;
  readonly #cache = new Map<string, readonly number[]>();

  constructor(data: TokenizerData, vocabulary: Vocabulary, preTokenizer: PreTokenizer) {
    this.#vocabulary = vocabulary;
    this.#preTokenizer = preTokenizer;
    this.#unknownTokenId = data.unknownTokenId;
    this.#rankByMerge = new Map();
    for (const [rank, merge] of (data.merges ?? []).entries()) {
      if (!this.#rankByMerge.has(merge)) this.#rankByMerge.set(merge, rank);
    }
  }

  get longestToken(): number {
    return this.#vocabulary.longestText();
  }

  encode(text: string, _startsAfterToken: boolean, output: number[]): void {
    for (const word of this.#preTokenizer.split(text)) {
      for (const id of this.#wordTokens(word)) output.push(id);
    }
  }

  #wordTokens(word: string): readonly number[] {
    const cached = this.#cache.get(word);
    if (cached !== undefined) return cached;
    const tokens = this.#mergeWord(toByteAlphabet(word));
    if (word.length <= maxCachedWordLength) {
      if (this.#cache.size >= maxCachedWords) this.#cache.clear();
      this.#cache.set(word, tokens);
    }
    return tokens;
  }

  /** @param word in the byte alphabet: one UTF-16 unit per byte */
  #mergeWord(word: string): number[] {
    if (this.#preTokenizer.ignoreMerges) {
      const whole = this.#vocabulary.idOfText(word);
      if (whole !== undefined) return [whole];
    }
    const bytes = Array.from({ length: word.length + 1 }, (_, index) => index);
    const offsets = mergePairs(bytes, (start, middle, end) => this.#rank(word, start, middle, end));
    const tokens: number[] = [];
    for (let index = 0; index + 1 < offsets.length; index++) {
      tokens.push(this.#tokenOf(word.slice(offsets[index], offsets[index + 1])));
    }
    return tokens;
  }

  #rank(word: string, start: number, middle: number, end: number): number {
    const rank = this.#rankByMerge.get(`${word.slice(start, middle)} ${word.slice(middle, end)}`);
    // A merge whose result is no token would leave a symbol without id.
    const isUsable = rank !== undefined && this.#vocabulary.idOfText(word.slice(start, end)) !== undefined;
    return isUsable ? rank : Number.POSITIVE_INFINITY;
  }

  #tokenOf(symbol: string): number {
    const id = this.#vocabulary.idOfText(symbol) ?? this.#unknownTokenId;
    if (id !== undefined) return id;
    throw new InvalidFileError(
      `tokenizer.ggml.tokens has no token for the byte written ${JSON.stringify(symbol)} and the file names no unknown ` +
        'token, so this text cannot be encoded. Convert the model again, or pass token ids instead of text.',
    );
  }
}
