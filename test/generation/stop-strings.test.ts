import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopStrings } from '../../lib/generation/stop-strings.js';

/** By definition: at the earliest end of any stop string, the longest one that ends there. */
function search(text: string, stops: readonly string[]): { text: string; stop?: string } {
  for (let end = 1; end <= text.length; end++) {
    const found = stops.filter((stop) => text.slice(0, end).endsWith(stop)).sort((a, b) => b.length - a.length)[0];
    if (found !== undefined) return { text: text.slice(0, end - found.length), stop: found };
  }
  return { text };
}

function run(pieces: readonly string[], stops: readonly string[]): { text: string; stop?: string; pieces: string[] } {
  const matcher = new StopStrings(stops);
  const emitted: string[] = [];
  for (const piece of pieces) {
    const { text, stop } = matcher.push(piece);
    emitted.push(text);
    if (stop !== undefined) return { text: emitted.join(''), stop, pieces: emitted };
  }
  emitted.push(matcher.flush());
  return { text: emitted.join(''), pieces: emitted };
}

const letters = fc.constantFrom('a', 'b', 'c');
const word = fc.string({ unit: letters, minLength: 1, maxLength: 5 });

describe('stop strings', () => {
  it('find what a search of the whole text finds, however it is cut', () => {
    const pieces = fc.array(fc.string({ unit: letters, maxLength: 4 }), { maxLength: 12 });
    fc.assert(
      fc.property(pieces, fc.array(word, { maxLength: 4 }), (cut, stops) => {
        const { text, stop } = run(cut, stops);
        expect({ text, stop }).toEqual({ stop: undefined, ...search(cut.join(''), stops) });
      }),
      { numRuns: 3_000 },
    );
  });

  it('hold back no more than a possible beginning of a stop string', () => {
    const units = fc.array(letters, { maxLength: 30 });
    fc.assert(
      fc.property(units, fc.array(word, { minLength: 1, maxLength: 3 }), (text, stops) => {
        const matcher = new StopStrings(stops);
        let emitted = '';
        for (const [index, unit] of text.entries()) {
          const { text: piece, stop } = matcher.push(unit);
          emitted += piece;
          if (stop !== undefined) return;
          const seen = text.slice(0, index + 1).join('');
          const held = seen.slice(emitted.length);
          expect(emitted + held).toBe(seen);
          const longest = [...seen]
            .map((_, start) => seen.slice(start))
            .find((end) => stops.some((s) => s.startsWith(end)));
          expect(held).toBe(longest ?? '');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('end the text before a stop string that spans pieces', () => {
    expect(run(['Hello\nUs', 'er', ':', ' more'], ['\nUser:'])).toEqual({
      text: 'Hello',
      stop: '\nUser:',
      pieces: ['Hello', '', ''],
    });
  });

  it('give held text back when it turns out to be no stop string, or at the end', () => {
    expect(run(['a\nUs', 'ual', '\nUser'], ['\nUser:']).pieces).toEqual(['a', '\nUsual', '', '\nUser']);
  });

  it('take the stop string that is complete first', () => {
    expect(run(['xabc'], ['abc', 'b'])).toMatchObject({ text: 'xa', stop: 'b' });
    expect(run(['xabc'], ['c', 'abc'])).toMatchObject({ text: 'x', stop: 'abc' });
  });

  it('ignore what comes after a stop', () => {
    const matcher = new StopStrings(['.']);
    expect(matcher.push('One. Two')).toEqual({ text: 'One', stop: '.' });
    expect(matcher.push('. Three')).toEqual({ text: '', stop: '.' });
    expect([matcher.flush(), matcher.stop]).toEqual(['', '.']);
  });

  it('let all text through when there are none', () => {
    expect(run(['a', 'b'], []).pieces).toEqual(['a', 'b', '']);
  });

  it('stay linear for long stop strings that nearly match', () => {
    const start = performance.now();
    const matcher = new StopStrings([`${'a'.repeat(10_000)}b`, `${'a'.repeat(9_999)}c`]);
    for (let count = 0; count < 100; count++) matcher.push('a'.repeat(1_000));
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it.each([
    [['ok', ''], /stop\[1\] is empty/],
    [[5], /stop\[0\] is number/],
    [['\uD83D'], /stop\[0\] has half of a surrogate pair/],
  ])('refuse %j', (stops, message) => {
    expect(() => new StopStrings(stops as string[])).toThrow(message);
  });
});
