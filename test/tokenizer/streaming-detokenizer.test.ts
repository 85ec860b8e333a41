import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamingDetokenizer, Tokenizer, type TokenSource } from '../../lib/tokenizer/index.js';
import { demoData, imEnd, imStart, sentencePieceData, sentencePieceFixtures } from './support.js';

/** Tokens that stand for arbitrary bytes: the id is the index. */
function tokensOf(chunks: readonly Uint8Array[]): TokenSource {
  return { addsSpacePrefix: false, isText: () => true, tokenBytes: (id) => chunks[id] as Uint8Array };
}

function stream(chunks: readonly Uint8Array[]): string[] {
  const detokenizer = new StreamingDetokenizer(tokensOf(chunks));
  return [...chunks.map((_, id) => detokenizer.push(id)), detokenizer.flush()];
}

/** What the whole bytes say, with a byte order mark kept, since it was in the text. */
function fullDecode(chunks: readonly Uint8Array[]): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(chunks));
}

/** All ways to cut `bytes` into non-empty chunks. */
function splits(bytes: Uint8Array): Uint8Array[][] {
  if (bytes.length === 1) return [[bytes]];
  const shorter = splits(bytes.subarray(1));
  const whole = shorter.map(([first, ...rest]) => [bytes.subarray(0, (first as Uint8Array).length + 1), ...rest]);
  return [...whole, ...shorter.map((rest) => [bytes.subarray(0, 1), ...rest])];
}

function* codePoints(): Generator<number> {
  for (let code = 0; code < 0x20000; code++) if (code < 0xd800 || code > 0xdfff) yield code;
  for (let code = 0x20000; code < 0x110000; code += 4099) yield code;
  yield 0x10ffff;
}

// Emoji and CJK became U+FFFD in the streams of runtimes that decode token by token (llama.cpp#4446, exo#1691).
describe('streaming detokenizer', () => {
  it('never breaks a character: every code point through every split of its bytes, in one long stream', () => {
    const encoder = new TextEncoder();
    const chunks: Uint8Array[] = [];
    const expected: string[] = [];
    for (const code of codePoints()) {
      const character = String.fromCodePoint(code);
      for (const split of splits(encoder.encode(character))) {
        chunks.push(...split);
        // A piece comes with the last byte of its character and not before.
        expected.push(...split.slice(1).map(() => ''), character);
      }
    }
    const pieces = stream(chunks);
    expect(pieces.pop()).toBe('');
    // One comparison, as a million assertions would take a minute.
    expect(pieces.findIndex((piece, index) => piece !== expected[index])).toBe(-1);
    expect(pieces.length).toBe(expected.length);
  });

  it('gives for any bytes, cut anywhere, what a full decode gives', () => {
    // Bytes around the borders of UTF-8's ranges, so that sequences begin, break off and overlap.
    const byte = fc.constantFrom(
      ...[0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbb, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0],
      ...[0xf1, 0xf4, 0xf5, 0xff],
    );
    const chunk = fc.array(byte, { maxLength: 4 }).map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 12 }), (chunks) => {
        expect(stream(chunks).join('')).toBe(fullDecode(chunks));
      }),
      { numRuns: 3_000 },
    );
  });

  it('ends an unfinished character with U+FFFD', () => {
    expect(stream([Uint8Array.of(0xf0, 0x9f), Uint8Array.of(0x98)])).toEqual(['', '', '\uFFFD']);
  });

  it('takes two unfinished characters in one token', () => {
    const chunks = [Uint8Array.of(0xc3), Uint8Array.of(0xa9, 0xe2), Uint8Array.of(0x82), Uint8Array.of(0xac, 0xc3)];
    expect(stream(chunks)).toEqual(['', 'é', '', '€', '\uFFFD']);
  });
});

describe.each([
  ['byte-level BPE', new Tokenizer(demoData)],
  ['SentencePiece', new Tokenizer(sentencePieceData(sentencePieceFixtures.byteFallback))],
])('a stream of %s tokens', (_, tokenizer) => {
  const options = fc.record({ special: fc.boolean(), keepLeadingSpace: fc.boolean() });

  it('is the full decode, whatever the tokens and options', () => {
    const ids = fc.array(fc.nat({ max: tokenizer.vocabSize - 1 }), { maxLength: 40 });
    fc.assert(
      fc.property(ids, options, (tokens, choice) => {
        const detokenizer = new StreamingDetokenizer(tokenizer, choice);
        const text = tokens.map((id) => detokenizer.push(id)).join('') + detokenizer.flush();
        expect(text).toBe(tokenizer.decode(tokens, choice));
      }),
      { numRuns: 300 },
    );
  });

  it('gives back the text that was encoded', () => {
    const text = 'naïve 日本語 👩‍👩‍👧 end';
    const detokenizer = new StreamingDetokenizer(tokenizer);
    const pieces = [...tokenizer.encode(text)].map((id) => detokenizer.push(id));
    expect(pieces.join('') + detokenizer.flush()).toBe(text);
    expect(pieces.join('')).not.toContain('\uFFFD');
  });

  it('names the id that is no token', () => {
    expect(() => new StreamingDetokenizer(tokenizer).push(-3)).toThrow(/token id is -3/);
  });
});

describe('control tokens in a stream', () => {
  it('are no text by default and do not break a character in two', () => {
    const tokenizer = new Tokenizer(demoData);
    const [first, ...rest] = tokenizer.encode('😀', { addSpecial: false });
    const ids = [imStart, first as number, imEnd, ...rest];
    const detokenizer = new StreamingDetokenizer(tokenizer);
    expect(ids.map((id) => detokenizer.push(id)).join('')).toBe('😀');
  });
});
