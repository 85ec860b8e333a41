import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { promptShares } from '../../lib/scheduling/prompt-shares.js';

const wanted = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 });
const total = fc.integer({ min: 0, max: 600 });
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

describe('the shares of prompts in a step', () => {
  it('are all that there is, as far as it is wanted, and nobody gets more than he wants', () => {
    fc.assert(
      fc.property(wanted, total, (each, most) => {
        const shares = promptShares(each, most);
        expect(sum(shares)).toBe(Math.min(most, sum(each)));
        shares.forEach((share, i) => {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(each[i] as number);
        });
      }),
    );
    expect(promptShares([], 100)).toEqual([]);
  });

  it('give half to the oldest, and the rest to the shortest, one after the other', () => {
    expect(promptShares([400, 300, 30, 20], 64)).toEqual([32, 0, 12, 20]);
    expect(promptShares([400, 300, 30, 20], 200)).toEqual([100, 50, 30, 20]);
    expect(promptShares([400, 300, 30, 20], 600)).toEqual([300, 250, 30, 20]);
    expect(promptShares([5, 300, 20], 64)).toEqual([5, 39, 20]);
    expect(promptShares([10, 300], 64)).toEqual([10, 54]);
    expect(promptShares([100, 100, 100], 64)).toEqual([64, 0, 0]);
    expect(promptShares([100, 10], 1)).toEqual([1, 0]);
  });

  it('let the oldest get on however many short ones come, and a short one however long those before it are', () => {
    fc.assert(
      fc.property(wanted, fc.integer({ min: 2, max: 600 }), (each, most) => {
        const shares = promptShares(each, most);
        expect(shares[0]).toBeGreaterThanOrEqual(Math.min(each[0] as number, most / 2));
        const shortest = Math.min(...each);
        expect(shares[each.indexOf(shortest)]).toBeGreaterThanOrEqual(Math.min(shortest, Math.floor(most / 2)));
      }),
    );
  });
});
