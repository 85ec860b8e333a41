import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShares } from '../../lib/scheduling/shares.js';

const wanted = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 });
const total = fc.integer({ min: 1, max: 600 });
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

describe('fair shares', () => {
  it('give all that there is, as far as it is wanted, and nobody more than he wants', () => {
    fc.assert(
      fc.property(wanted, total, fc.integer({ min: 1, max: 40 }), (each, most, least) => {
        const shares = fairShares(each, most, least);
        expect(sum(shares)).toBe(Math.min(most, sum(each)));
        shares.forEach((share, i) => {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(each[i] as number);
        });
      }),
    );
  });

  it('are max-min fair: who gets less than he wants gets no less than anybody else', () => {
    fc.assert(
      fc.property(wanted, total, (each, most) => {
        const shares = fairShares(each, most);
        shares.forEach((share, i) => {
          if (share < (each[i] as number)) expect(share).toBeGreaterThanOrEqual(Math.max(...shares) - 1);
        });
      }),
    );
  });

  it('go to the first ones alone where all would get less than is worth while', () => {
    expect(fairShares([100, 100, 100, 100], 40, 16)).toEqual([20, 20, 0, 0]);
    expect(fairShares([100, 100], 10, 16)).toEqual([10, 0]);
    expect(fairShares([4, 100, 100], 40, 16)).toEqual([4, 36, 0]);
    expect(fairShares([4, 4, 100], 40, 16)).toEqual([4, 4, 32]);
  });
});
