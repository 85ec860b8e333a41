/**
 * The vocabulary of a GGUF file as plain data, and its way out of the file's metadata.
 * Key names: GGUF specification, section "Tokenizer".
 */

import { InvalidFileError } from '../errors.js';
import { describeValue } from './describe-value.js';

/** Values of `tokenizer.ggml.token_type`. */
export const TokenType = {
  Undefined: 0,
  Normal: 1,
  Unknown: 2,
  Control: 3,
  UserDefined: 4,
  Unused: 5,
  Byte: 6,
} as const;

/** Everything a {@link Tokenizer} needs; arrays are indexed by token id and have one entry per token. */
export interface TokenizerData {
  /** `tokenizer.ggml.model`: 'gpt2' (byte-level BPE) or 'llama' (SentencePiece BPE); others are known but not supported. */
  readonly model: string;
  /** `tokenizer.ggml.pre`: which pre-tokenizer a byte-level BPE vocabulary was trained with. */
  readonly pre?: string;
  readonly tokens: readonly string[];
  /** See {@link TokenType}. Without it every token is text, except those named as bos, eos, eot or unknown. */
  readonly tokenTypes?: ArrayLike<number>;
  /** SentencePiece scores: the pair with the highest score is merged first. */
  readonly scores?: ArrayLike<number>;
  /** Byte-level BPE merges, "left right", the earliest first. */
  readonly merges?: readonly string[];
  readonly bosTokenId?: number;
  readonly eosTokenId?: number;
  readonly eotTokenId?: number;
  readonly eomTokenId?: number;
  readonly unknownTokenId?: number;
  readonly paddingTokenId?: number;
  readonly addBos?: boolean;
  readonly addEos?: boolean;
  readonly addSpacePrefix?: boolean;
}

const remedy = 'Convert the model again, or pass token ids instead of text.';

function invalid(key: string, problem: string): InvalidFileError {
  return new InvalidFileError(`${key} ${problem}. ${remedy}`);
}

/**
 * Picks the `tokenizer.ggml.*` keys out of a file's metadata.
 *
 * @param metadata the file's key-value pairs; string arrays as `string[]`, number arrays as typed arrays or `number[]`
 * @throws InvalidFileError when a key is missing or has the wrong type or length
 */
export function tokenizerDataFromMetadata(metadata: Readonly<Record<string, unknown>>): TokenizerData {
  const read = new MetadataReader(metadata);
  const model = read.string('tokenizer.ggml.model');
  if (model === undefined) throw invalid('tokenizer.ggml.model', 'is missing: the file has no tokenizer');
  const tokens = read.strings('tokenizer.ggml.tokens');
  if (tokens === undefined) throw invalid('tokenizer.ggml.tokens', 'is missing: the file has no vocabulary');
  if (tokens.length === 0) throw invalid('tokenizer.ggml.tokens', 'is empty');
  return {
    model,
    tokens,
    pre: read.string('tokenizer.ggml.pre'),
    tokenTypes: read.numbers('tokenizer.ggml.token_type', tokens.length),
    scores: read.numbers('tokenizer.ggml.scores', tokens.length),
    merges: read.strings('tokenizer.ggml.merges'),
    bosTokenId: read.tokenId('tokenizer.ggml.bos_token_id'),
    eosTokenId: read.tokenId('tokenizer.ggml.eos_token_id'),
    eotTokenId: read.tokenId('tokenizer.ggml.eot_token_id'),
    eomTokenId: read.tokenId('tokenizer.ggml.eom_token_id'),
    unknownTokenId: read.tokenId('tokenizer.ggml.unknown_token_id'),
    paddingTokenId: read.tokenId('tokenizer.ggml.padding_token_id'),
    addBos: read.boolean('tokenizer.ggml.add_bos_token'),
    addEos: read.boolean('tokenizer.ggml.add_eos_token'),
    addSpacePrefix: read.boolean('tokenizer.ggml.add_space_prefix'),
  };
}

/** Reads keys that may be absent; a present key of the wrong type is an error. */
class MetadataReader {
  readonly #metadata: Readonly<Record<string, unknown>>;

  constructor(metadata: Readonly<Record<string, unknown>>) {
    this.#metadata = metadata;
  }

  string(key: string): string | undefined {
    return this.#typed(key, 'a string', (value): value is string => typeof value === 'string');
  }

  boolean(key: string): boolean | undefined {
    return this.#typed(key, 'a boolean', (value): value is boolean => typeof value === 'boolean');
  }

  tokenId(key: string): number | undefined {
    const isTokenId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
    return this.#typed(key, 'a token id (a whole number from 0)', isTokenId);
  }

  strings(key: string): readonly string[] | undefined {
    const values = this.#typed(key, 'an array of strings', Array.isArray as (value: unknown) => value is unknown[]);
    const wrong = values?.findIndex((value) => typeof value !== 'string') ?? -1;
    if (values !== undefined && wrong >= 0) {
      throw invalid(`${key}[${wrong}]`, `is ${describeValue(values[wrong])}, expected a string`);
    }
    return values as readonly string[] | undefined;
  }

  /** Numbers, one for each of `tokenCount` tokens. */
  numbers(key: string, tokenCount: number): ArrayLike<number> | undefined {
    const values = this.#typed(key, 'an array of numbers', isArrayOfNumbers);
    if (values !== undefined && values.length < tokenCount) {
      throw invalid(key, `has ${values.length} entries for ${tokenCount} tokens, expected one for each token`);
    }
    return values;
  }

  #typed<T>(key: string, expected: string, accepts: (value: unknown) => value is T): T | undefined {
    const value = Object.hasOwn(this.#metadata, key) ? this.#metadata[key] : undefined;
    if (value === undefined || value === null) return undefined;
    if (!accepts(value)) throw invalid(key, `is ${describeValue(value)}, expected ${expected}`);
    return value;
  }
}

function isArrayOfNumbers(value: unknown): value is ArrayLike<number> {
  if (ArrayBuffer.isView(value)) {
    return !(value instanceof DataView || value instanceof BigInt64Array || value instanceof BigUint64Array);
  }
  return Array.isArray(value) && value.every((entry) => typeof entry === 'number');
}
