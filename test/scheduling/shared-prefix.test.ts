import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longestSharedPrefix } from '../../lib/scheduling/shared-prefix.js';

const of = (...tokens: number[]) => Int32Array.from(tokens);
const sequence = (tokens: Int32Array, read = tokens.length) => ({ tokens, read });

describe('the longest shared prefix', () => {
  it('is the most whole blocks that another sequence begins with too, but for the last token', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 24 }),
        fc.array(fc.tuple(fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 24 }), fc.nat(24)), { maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        (tokens, others, block) => {
          const sequences = others.map(([t, read]) => sequence(Int32Array.from(t), Math.min(read, t.length)));
          const found = longestSharedPrefix(Int32Array.from(tokens), sequences, block);
          // By trying all lengths.
          const shares = (other: number[], length: number) =>
            other.length >= length && tokens.slice(0, length).join() === other.slice(0, length).join();
          const lengths = [...Array(tokens.length).keys()].filter((length) => length % block === 0 && length > 0);
          const longest = Math.max(0, ...lengths.filter((length) => others.some(([other]) => shares(other, length))));
          expect(found?.later ?? 0).toBe(longest);
          if (!found) return;
          expect(found.now).toBe(Math.min(found.later, found.from.read - (found.from.read % block)));
        },
      ),
    );
  });

  it('is that of the sequence that has read the most of it, where several begin alike', () => {
    const tokens = of(1, 2, 3, 4, 5);
    const [little, much] = [sequence(tokens, 2), sequence(tokens, 4)];
    expect(longestSharedPrefix(tokens, [little, much], 2)).toEqual({ from: much, now: 4, later: 4 });
    expect(longestSharedPrefix(tokens, [much, little], 2)?.from).toBe(much);
  });

  it('is none where not even a block is shared', () => {
    expect(longestSharedPrefix(of(1, 2, 3), [], 2)).toBeUndefined();
    expect(longestSharedPrefix(of(1, 2, 3), [sequence(of(1, 3, 3))], 2)).toBeUndefined();
    expect(longestSharedPrefix(of(1, 2), [sequence(of(1, 2))], 2)).toBeUndefined();
  });
});
