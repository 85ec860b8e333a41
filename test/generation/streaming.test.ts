import { describe, expect, it } from 'vitest';
import { byteTokens, scriptedModel } from '../support/scripted-engine.js';

/** Characters from all of Unicode, and those at the borders of UTF-8's lengths; the detokenizer's own test has them all. */
function manyCharacters(): string {
  const codes = [0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff];
  for (let code = 0; code < 0x110000; code += 251) if (code < 0xd800 || code > 0xdfff) codes.push(code);
  return codes.map((code) => String.fromCodePoint(code)).join('');
}

/** A model that says the text, a byte at a time, and what it says with these options. */
async function say(
  text: string | number[],
  options: { stop?: string[]; maxTokens?: number; ignoreEos?: boolean } = {},
) {
  let tokens: number[] = [];
  const { model } = await scriptedModel({ token: (generated) => tokens[generated] as number });
  tokens = typeof text === 'string' ? byteTokens(model, text) : text;
  const generation = model.generate([1], { maxTokens: tokens.length, ...options });
  const pieces: string[] = [];
  for await (const piece of generation) pieces.push(piece);
  return { pieces, ...(await generation.result) };
}

const endOfText = 4093;
const endOfTurn = 4095;

describe('the pieces of a text', () => {
  it('never split a character, whichever it is', async () => {
    const text = manyCharacters();

    const result = await say(text);

    expect(result.text === text).toBe(true);
    expect(result.pieces.join('') === text).toBe(true);
    expect(result.pieces.some((piece) => /\p{Surrogate}/u.test(piece))).toBe(false);
    expect(result.pieces.filter((piece) => piece.includes('\ufffd'))).toEqual(['\ufffd']);
  });

  it('show a character that was not finished as U+FFFD, at the end', async () => {
    const { pieces, text } = await say('naïve 🦜', { maxTokens: 'naïve 🦜'.length + 1 });

    expect(text).toBe('naïve \ufffd');
    expect(pieces.at(-1)).toBe('\ufffd');
  });

  it('keep the space that a text begins with', async () => {
    expect((await say(' of the Lord')).text).toBe(' of the Lord');
  });
});

describe('a stop string', () => {
  it('that comes in many pieces ends the text before it', async () => {
    const { pieces, text, finishReason } = await say('one <end>two', { stop: ['<end>'] });

    expect({ text, finishReason }).toEqual({ text: 'one ', finishReason: 'stop' });
    expect(pieces.join('')).toBe('one ');
  });

  it('whose beginning only was said is given after all', async () => {
    const { pieces, text, finishReason } = await say('one <en', { stop: ['<end>'] });

    expect({ text, finishReason }).toEqual({ text: 'one <en', finishReason: 'length' });
    expect(pieces.join('')).toBe(text);
  });

  it('can be one character of several bytes', async () => {
    expect((await say('eins。zwei', { stop: ['。'] })).text).toBe('eins');
  });

  it('is the one that is complete first, of several', async () => {
    expect((await say('abcdef', { stop: ['def', 'cd', 'zzz'] })).text).toBe('ab');
  });
});

describe('the end of a generation', () => {
  it('is the end token, which is not part of it', async () => {
    const { text, tokens, finishReason, stats } = await say([256, 257, endOfTurn, 258]);

    expect({ tokens, finishReason }).toEqual({ tokens: [256, 257], finishReason: 'stop' });
    expect(stats.generatedTokens).toBe(2);
    expect(text).not.toContain('<|');
  });

  it('is not the end token if that is to be ignored', async () => {
    const { tokens, finishReason } = await say([256, endOfTurn, endOfText, 258], { ignoreEos: true });

    expect({ tokens, finishReason }).toEqual({ tokens: [256, endOfTurn, endOfText, 258], finishReason: 'length' });
  });

  it('may be the very first token', async () => {
    expect(await say([endOfTurn])).toMatchObject({ text: '', tokens: [], pieces: [], finishReason: 'stop' });
  });
});
