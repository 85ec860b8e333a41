import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonState, jsonStart, nextState } from '../../lib/generation/json/grammar.js';

/** Where a text stands, or after how many bytes it could not be JSON any more. */
function read(text: string): JsonState | number {
  let state = jsonStart;
  for (const [i, byte] of new TextEncoder().encode(text).entries()) {
    const next = nextState(state, byte);
    if (!next) return i;
    state = next;
  }
  return state;
}

const isObject = (text: string) => {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
};
const isAccepted = (text: string) => {
  const state = read(text);
  return typeof state === 'object' && state.mode === 'done';
};

/** As others may write it: with blanks, and characters escaped or not. */
const written = fc
  .tuple(
    fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()),
    fc.constantFrom(undefined, 1, '\t'),
    fc.boolean(),
  )
  .map(([value, indent, ascii]) => {
    const text = JSON.stringify(value, null, indent);
    return ascii ? text.replace(/[^\x00-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`) : text;
  });

describe('the grammar of JSON', () => {
  it('takes every object that is written down, and knows when it is complete', () => {
    fc.assert(
      fc.property(written, (text) => {
        expect(isAccepted(text)).toBe(true);
        expect(read(`${text} `)).toBe(new TextEncoder().encode(text).length);
      }),
    );
  });

  it('takes nothing that JSON.parse refuses, and nothing but objects', () => {
    const damaged = fc
      .tuple(
        written,
        fc.nat(),
        fc.constantFrom('', ',', '"', '}', ']', '0', '-', 'e', '\\', ' ', '\n', 'x', '.', ':'),
        fc.nat(2),
      )
      .map(([text, at, put, cut]) => {
        const i = at % (text.length + 1);
        return text.slice(0, i) + put + text.slice(i + cut);
      });
    fc.assert(
      fc.property(damaged, (text) => {
        // What follows a complete object, blanks too, is not part of it.
        expect(isAccepted(text)).toBe(isObject(text) && text.endsWith('}'));
      }),
      { numRuns: 2000 },
    );
  });

  it('follows the rules of RFC 8259 for numbers', () => {
    for (const number of ['0', '-0', '12', '-3.25', '1e9', '1E-2', '0.5e+10', '10.01']) {
      expect(isAccepted(`{"n":${number}}`), number).toBe(true);
    }
    for (const number of ['00', '01', '-', '+1', '.5', '1.', '1e', '1e+', '0x1', '--1', '1.2.3', 'NaN']) {
      expect(isAccepted(`{"n":${number}}`), number).toBe(false);
    }
  });

  it('lets nobody go on with blanks, or deeper, for ever', () => {
    expect(typeof read(`{${' '.repeat(40)}`)).toBe('object');
    expect(typeof read(`{${' '.repeat(1000)}`)).toBe('number');
    expect(typeof read(`{"a":${'['.repeat(100)}`)).toBe('object');
    expect(typeof read(`{"a":${'['.repeat(1000)}`)).toBe('number');
  });
});
