import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tokenizer, TokenType } from '../../lib/tokenizer/index.js';
import { demoData, demoDataWith, demoTokenizerJson, readFixture } from './support.js';

/** [text, token ids] by Hugging Face tokenizers (Rust), see test/fixtures/tokenizer/make-expectations.py. */
const expectations: [string, number[]][] = readFixture('byte-level.json');
const tokenizer = new Tokenizer(demoData);
const plain = { addSpecial: false };

describe('byte-level BPE', () => {
  it.each(expectations)('gives the token ids of Hugging Face tokenizers for %j', (text, ids) => {
    expect([...tokenizer.encode(text, { addSpecial: false, parseSpecial: true })]).toEqual(ids);
  });

  it('gives the token ids of @huggingface/tokenizers for any text', () => {
    const library = new LibraryTokenizer(demoTokenizerJson, {});
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(text, (sample) => {
        expect([...tokenizer.encode(sample, plain)]).toEqual(library.encode(sample, { add_special_tokens: false }).ids);
      }),
      { numRuns: 200 },
    );
  });

  it('decodes the tokens of a text to that text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text, plain))).toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  it('has never fewer tokens for a text than it says beforehand', () => {
    const names = demoDataWith(['a name that is longer than any other one', TokenType.UserDefined]);
    const long = new Tokenizer(names);
    const unit = fc.constantFrom(
      names.tokens.at(-1) as string,
      '<|im_start|>',
      '\n',
      ' '.repeat(40),
      '\ud800',
      '\u4e00',
    );
    const how = { addSpecial: false, parseSpecial: true, escapeMark: '\ufdd0' };
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 20 }), (text) => {
        for (const one of [tokenizer, long]) {
          const marked = one.escapeSpecial(text, how.escapeMark);
          expect(one.fewestTokens(text, how)).toBeLessThanOrEqual(one.encode(text, how).length);
          expect(one.fewestTokens(marked, how)).toBe(one.fewestTokens(text, how));
        }
      }),
      { numRuns: 200 },
    );
    expect(tokenizer.fewestTokens('a'.repeat(1_000_000))).toBeGreaterThan(1000);
  });

  it.each([
    ['one letter', 'a'.repeat(100_000)],
    ['spaces before a word', `${' '.repeat(100_000)}a`],
    ['changing letters', Array.from({ length: 100_000 }, (_, i) => 'etaoinshrdlu'[(i * i + 7 * i) % 12]).join('')],
  ])('is not trapped by 100 kB without a word boundary: %s', (_, text) => {
    const start = performance.now();
    const ids = tokenizer.encode(text, plain);
    // Quadratic merging takes minutes.
    expect(performance.now() - start).toBeLessThan(3_000);
    expect(tokenizer.decode(ids)).toBe(text);
  });

  it('reads lone surrogates as U+FFFD, as TextEncoder does', () => {
    expect(tokenizer.encode('a\uD800b\uDC00', plain)).toEqual(tokenizer.encode('a\uFFFDb\uFFFD', plain));
    expect(tokenizer.decode(tokenizer.encode('\uD83D', plain))).toBe('\uFFFD');
    expect(tokenizer.decode(tokenizer.encode('\uD83D\uDE00', plain))).toBe('😀');
    // Not only their bytes: U+FFFD is a symbol, which stays with punctuation, and half a character is not.
    const tokens = ['!', 'ï', '¿', '½', '!ï'];
    const merging = new Tokenizer({ model: 'gpt2', pre: 'deepseek-v3', tokens, merges: ['! ï'] });
    expect([...merging.encode('!\uD800')]).toEqual([4, 2, 3]);
  });

  it('gives the exact bytes of each token', () => {
    const bytes = [...tokenizer.encode('né 😀\n', plain)].flatMap((id) => [...tokenizer.tokenBytes(id)]);
    expect(bytes).toEqual([0x6e, 0xc3, 0xa9, 0x20, 0xf0, 0x9f, 0x98, 0x80, 0x0a]);
  });

  it('takes tokens of type byte for the byte they name, and user-defined tokens literally', () => {
    const withBytes = new Tokenizer(demoDataWith(['<0xF0>', TokenType.Byte], ['Ġ<tool>', TokenType.UserDefined]));
    expect([...withBytes.tokenBytes(4096)]).toEqual([0xf0]);
    expect(new TextDecoder().decode(withBytes.tokenBytes(4097))).toBe('Ġ<tool>');
  });
});

describe('the whole-word rule of Llama 3', () => {
  // "ab" is a token that no merge leads to.
  const data = {
    model: 'gpt2',
    tokens: ['a', 'b', 'ab', 'abb'],
    merges: ['ab b'],
    addBos: false,
  };

  it('keeps a word that is a token, though no merge leads to it', () => {
    expect([...new Tokenizer({ ...data, pre: 'llama-bpe' }).encode('ab')]).toEqual([2]);
  });

  it('is not the rule of other vocabularies', () => {
    expect([...new Tokenizer({ ...data, pre: 'qwen2' }).encode('ab')]).toEqual([0, 1]);
  });

  it('skips a merge whose result is no token', () => {
    expect([...new Tokenizer({ ...data, pre: 'qwen2', merges: ['a b', 'b a'] }).encode('aba')]).toEqual([2, 0]);
  });

  it('names the byte that the vocabulary lacks', () => {
    expect(() => new Tokenizer({ ...data, pre: 'qwen2' }).encode('c')).toThrow(/no token for the byte written "c"/);
    const withUnknown = new Tokenizer({ ...data, pre: 'qwen2', unknownTokenId: 3 });
    expect([...withUnknown.encode('ac')]).toEqual([0, 3]);
  });
});
