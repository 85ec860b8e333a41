/** What a file's tokenizer data means once defaults are applied; problems are found here, before any text is seen. */

import { InvalidFileError, UnsupportedError } from '../errors.js';
import { ByteLevelBpe } from './byte-level-bpe.js';
import { preTokenizerNamed } from './pre-tokenizer.js';
import { SentencePieceBpe } from './sentencepiece-bpe.js';
import type { TextModel } from './text-model.js';
import type { TokenizerData } from './tokenizer-data.js';
import { Vocabulary } from './vocabulary.js';

/** Values of `tokenizer.ggml.model` that can be used for text. */
export const supportedTokenizerModels: readonly string[] = ['gpt2', 'llama'];

export interface TokenizerSetup {
  /** The data with ids that are no token removed and defaults filled in. */
  readonly data: TokenizerData;
  readonly vocabulary: Vocabulary;
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** Whether a text gets a space in front before it is encoded. */
  readonly addsSpacePrefix: boolean;
  readonly warnings: readonly string[];
  /** Why text cannot be used with this vocabulary, if so. */
  readonly unavailable?: UnsupportedError;
  /** Builds the tables for encoding. */
  readonly createTextModel: () => TextModel;
}

/** @throws InvalidFileError */
export function setUp(data: TokenizerData): TokenizerSetup {
  if (data.model === 'gpt2') return setUpByteLevel(data);
  if (data.model === 'llama') return setUpSentencePiece(data);
  return setUpUnsupported(data);
}

function setUpByteLevel(given: TokenizerData): TokenizerSetup {
  requireKey(given.merges, 'tokenizer.ggml.merges', 'a "gpt2" tokenizer merges by that list');
  const preTokenizer = preTokenizerNamed(given.pre);
  const warnings = preTokenizer.warning === undefined ? [] : [preTokenizer.warning];
  const data = withUsableIds(given, warnings);
  const vocabulary = new Vocabulary(data, 'byte-alphabet');
  return {
    data,
    vocabulary,
    ...addedTokens(data, preTokenizer.addBos ?? false, warnings),
    addsSpacePrefix: false,
    warnings,
    createTextModel: () => new ByteLevelBpe(data, vocabulary, preTokenizer),
  };
}

function setUpSentencePiece(given: TokenizerData): TokenizerSetup {
  requireKey(given.scores, 'tokenizer.ggml.scores', 'a "llama" tokenizer merges by scores');
  const warnings: string[] = [];
  // The ids that every SentencePiece model of the Llama family has, for files that do not say.
  const data = withUsableIds({ unknownTokenId: 0, bosTokenId: 1, eosTokenId: 2, ...defined(given) }, warnings);
  const vocabulary = new Vocabulary(data, 'sentencepiece');
  const addsSpacePrefix = data.addSpacePrefix ?? true;
  return {
    data,
    vocabulary,
    ...addedTokens(data, true, warnings),
    addsSpacePrefix,
    warnings,
    createTextModel: () => new SentencePieceBpe(data, vocabulary, addsSpacePrefix),
  };
}

/** Token ids of such a model can still be used, and its end tokens are known. */
function setUpUnsupported(given: TokenizerData): TokenizerSetup {
  const warnings: string[] = [];
  const data = withUsableIds(given, warnings);
  const unavailable = unsupportedModel(data.model);
  return {
    data,
    vocabulary: new Vocabulary(data, 'byte-alphabet'),
    addBos: false,
    addEos: false,
    addsSpacePrefix: false,
    warnings,
    unavailable,
    createTextModel: () => {
      throw unavailable;
    },
  };
}

function unsupportedModel(model: string): UnsupportedError {
  const problem = `tokenizer.ggml.model is ${JSON.stringify(model)}, which is not supported`;
  const supported = supportedTokenizerModels.map((name) => `"${name}"`).join(', ');
  return new UnsupportedError(`${problem}. Supported: ${supported}. Pass token ids instead of text.`);
}

function requireKey(value: unknown, key: string, reason: string): void {
  if (value !== undefined) return;
  const remedy = 'Convert the model again, or pass token ids instead of text.';
  throw new InvalidFileError(`${key} is missing, and ${reason}. ${remedy}`);
}

const idKeys = [
  ['bosTokenId', 'tokenizer.ggml.bos_token_id'],
  ['eosTokenId', 'tokenizer.ggml.eos_token_id'],
  ['eotTokenId', 'tokenizer.ggml.eot_token_id'],
  ['eomTokenId', 'tokenizer.ggml.eom_token_id'],
  ['unknownTokenId', 'tokenizer.ggml.unknown_token_id'],
  ['paddingTokenId', 'tokenizer.ggml.padding_token_id'],
] as const;

/** Files with an id such as 4294967295 for "none" exist; they are read as if the key were absent. */
function withUsableIds(data: TokenizerData, warnings: string[]): TokenizerData {
  const result: Record<string, unknown> = { ...data };
  for (const [property, key] of idKeys) {
    const id = data[property];
    if (id === undefined || id < data.tokens.length) continue;
    warnings.push(`${key} is ${id}, but the vocabulary has ${data.tokens.length} tokens: the key is ignored.`);
    result[property] = undefined;
  }
  return result as unknown as TokenizerData;
}

function addedTokens(data: TokenizerData, bosByDefault: boolean, warnings: string[]) {
  return {
    addBos: isAdded(data.addBos ?? bosByDefault, data.bosTokenId, 'bos', warnings),
    addEos: isAdded(data.addEos ?? false, data.eosTokenId, 'eos', warnings),
  };
}

function isAdded(isWanted: boolean, id: number | undefined, name: string, warnings: string[]): boolean {
  if (isWanted && id === undefined) {
    warnings.push(
      `Prompts should have a ${name} token, but tokenizer.ggml.${name}_token_id is not set: none is added.`,
    );
  }
  return isWanted && id !== undefined;
}

function defined(data: TokenizerData): TokenizerData {
  return Object.fromEntries(
    Object.entries(data).filter(([, value]) => value !== undefined),
  ) as unknown as TokenizerData;
}
