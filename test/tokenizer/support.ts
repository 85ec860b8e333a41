/** Vocabularies for the tests, as a GGUF file would hold them. */

import { readFileSync } from 'node:fs';
import { type TokenizerData, TokenType } from '../../lib/tokenizer/index.js';

export function readFixture(name: string) {
  return JSON.parse(readFileSync(new URL(`../fixtures/tokenizer/${name}`, import.meta.url), 'utf8'));
}

/** The parts of a Hugging Face tokenizer.json that go into a GGUF file. */
interface TokenizerJson {
  model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
  added_tokens: { id: number; content: string; special: boolean }[];
}

/** What a GGUF converter makes of a byte-level BPE tokenizer.json. */
export function dataFromTokenizerJson(json: TokenizerJson, pre: string): TokenizerData {
  const tokens: string[] = [];
  const tokenTypes: number[] = [];
  for (const [token, id] of Object.entries(json.model.vocab)) {
    tokens[id] = token;
    tokenTypes[id] = TokenType.Normal;
  }
  for (const { id, content, special } of json.added_tokens) {
    tokens[id] = content;
    tokenTypes[id] = special ? TokenType.Control : TokenType.UserDefined;
  }
  const merges = json.model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  return { model: 'gpt2', pre, tokens, tokenTypes: Int32Array.from(tokenTypes), merges };
}

export const demoTokenizerJson: TokenizerJson = readFixture('demo-tokenizer.json');

/** Byte-level BPE, 4096 tokens; the last three are <|endoftext|>, <|im_start|> and <|im_end|>. */
export const demoData: TokenizerData = {
  ...dataFromTokenizerJson(demoTokenizerJson, 'qwen2'),
  bosTokenId: 4093,
  eosTokenId: 4095,
};

export const endOfText = 4093;
export const imStart = 4094;
export const imEnd = 4095;

/** The demo vocabulary with further tokens at its end. */
export function demoDataWith(...added: [token: string, type: number][]): TokenizerData {
  return {
    ...demoData,
    tokens: [...demoData.tokens, ...added.map(([token]) => token)],
    tokenTypes: [...Array.from(demoData.tokenTypes ?? []), ...added.map(([, type]) => type)],
  };
}

interface SentencePieceFixture {
  tokens: string[];
  scores: number[];
  types: number[];
  cases: [text: string, ids: number[], decoded: string][];
}

export const sentencePieceFixtures: Record<'byteFallback' | 'noByteFallback', SentencePieceFixture> =
  readFixture('sentencepiece.json');

export function sentencePieceData({ tokens, scores, types }: SentencePieceFixture): TokenizerData {
  return { model: 'llama', tokens, scores: Float32Array.from(scores), tokenTypes: Int32Array.from(types) };
}
