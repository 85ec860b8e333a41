import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../lib/tokenizer/index.js';
import { sentencePieceData, sentencePieceFixtures } from './support.js';

/** Vocabulary and expectations by Google's sentencepiece, see test/fixtures/tokenizer/make-expectations.py. */
const { byteFallback, noByteFallback } = sentencePieceFixtures;
const tokenizer = new Tokenizer(sentencePieceData(byteFallback));
const plain = { addSpecial: false };

describe('SentencePiece BPE', () => {
  it.each(byteFallback.cases)('encodes and decodes %j like sentencepiece', (text, ids, decoded) => {
    expect([...tokenizer.encode(text, plain)]).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  });

  it.each(noByteFallback.cases)('has one unknown token for a run of unknown characters in %j', (text, ids) => {
    expect([...new Tokenizer(sentencePieceData(noByteFallback)).encode(text, plain)]).toEqual(ids);
  });

  it('decodes the tokens of a text to that text, but for U+2581, which is its space', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text, plain))).toBe(text.replaceAll('\u2581', ' '));
      }),
      { numRuns: 200 },
    );
  });

  it('has never fewer tokens for a text than it says beforehand', () => {
    const tokenizers = [byteFallback, noByteFallback].map((fixture) => new Tokenizer(sentencePieceData(fixture)));
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        for (const one of tokenizers) {
          expect(one.fewestTokens(text)).toBeLessThanOrEqual(one.encode(text, plain).length);
        }
      }),
      { numRuns: 200 },
    );
    // Of unknown characters, any number may become one token.
    expect(tokenizers.map((one) => one.fewestTokens('\u4e00'.repeat(10_000)) > 100)).toEqual([true, false]);
  });

  it('puts a space before the text unless the file says no', () => {
    const without = new Tokenizer({ ...sentencePieceData(byteFallback), addSpacePrefix: false });
    expect(without.encode(' God', plain)).toEqual(tokenizer.encode('God', plain));
    expect(without.decode(without.encode(' God', plain))).toBe(' God');
    expect(tokenizer.decode(tokenizer.encode('God', plain), { keepLeadingSpace: true })).toBe(' God');
  });

  it('begins a prompt with <s> by default, and ends it with </s> if the file says so', () => {
    const ids = [...tokenizer.encode('God', plain)];
    expect([...tokenizer.encode('God')]).toEqual([1, ...ids]);
    const both = new Tokenizer({ ...sentencePieceData(byteFallback), addEos: true });
    expect([...both.encode('God')]).toEqual([1, ...ids, 2]);
    const neither = new Tokenizer({ ...sentencePieceData(byteFallback), addBos: false });
    expect([...neither.encode('God')]).toEqual(ids);
  });

  it('does not take a text that spells a byte token for that byte', () => {
    expect([...tokenizer.encode('<0x41>', plain)]).not.toContain(byteFallback.tokens.indexOf('<0x41>'));
    expect(tokenizer.decode(tokenizer.encode('<0x41>', plain))).toBe('<0x41>');
  });

  it('gives the bytes of pieces, byte tokens and the space symbol', () => {
    const bytesOf = (token: string) => [...tokenizer.tokenBytes(byteFallback.tokens.indexOf(token))];
    expect(bytesOf('<0xE2>')).toEqual([0xe2]);
    expect(bytesOf('\u2581the')).toEqual([...Buffer.from(' the')]);
    expect(bytesOf('</s>')).toEqual([...Buffer.from('</s>')]);
  });

  it('is not trapped by 100 kB without a space', () => {
    const text = 'abracadabra'.repeat(9_091);
    const start = performance.now();
    expect(tokenizer.decode(tokenizer.encode(text, plain))).toBe(text);
    expect(performance.now() - start).toBeLessThan(3_000);
  });
});
