import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, planStep } from '../../lib/scheduling/plan.js';

const budget = fc.integer({ min: 1, max: 40 });
const offset = fc.nat(1000);
const candidates = fc
  .array(fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 60 })), { maxLength: 30 })
  .map((pending) => pending.map((tokens, id): Candidate<number> => ({ id, pending: tokens })));

describe('the plan of a step', () => {
  it('fills it with what there is, and never more than fits', () => {
    fc.assert(
      fc.property(candidates, budget, offset, (waiting, most, turn) => {
        const total = waiting.reduce((sum, { pending }) => sum + pending, 0);
        const planned = planStep(waiting, most, turn).reduce((sum, { tokens }) => sum + tokens, 0);
        expect(planned).toBe(Math.min(most, total));
      }),
    );
  });

  it('has each sequence once, with at least one and at most all of its tokens', () => {
    fc.assert(
      fc.property(candidates, budget, offset, (waiting, most, turn) => {
        const plan = planStep(waiting, most, turn);
        expect(new Set(plan.map(({ id }) => id)).size).toBe(plan.length);
        for (const { id, tokens } of plan) {
          expect(tokens).toBeGreaterThanOrEqual(1);
          expect(tokens).toBeLessThanOrEqual(waiting[id]?.pending as number);
        }
      }),
    );
  });

  it('lets no prompt hold up a sequence that generates', () => {
    fc.assert(
      fc.property(candidates, budget, offset, (waiting, most, turn) => {
        const generating = waiting.filter(({ pending }) => pending === 1).length;
        const planned = planStep(waiting, most, turn);
        const first = planned.filter(({ id }) => waiting[id]?.pending === 1);
        expect(first).toHaveLength(Math.min(generating, most));
        expect(planned.slice(0, first.length)).toEqual(first);
      }),
    );
  });

  it('reads prompts in order of arrival: a later one begins only when those before it fit whole', () => {
    fc.assert(
      fc.property(candidates, budget, offset, (waiting, most, turn) => {
        const prompts = planStep(waiting, most, turn).filter(({ id }) => (waiting[id]?.pending as number) > 1);
        const arrived = waiting.filter(({ pending }) => pending > 1).map(({ id }) => id);
        expect(prompts.map(({ id }) => id)).toEqual(arrived.slice(0, prompts.length));
        for (const { id, tokens } of prompts.slice(0, -1)) expect(tokens).toBe(waiting[id]?.pending);
      }),
    );
  });

  it('serves every generating sequence within as many steps as there are of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), budget, offset, (count, most, firstStep) => {
        const waiting = Array.from({ length: count }, (_, id) => ({ id, pending: 1 }));
        const served = new Set<number>();
        for (let step = 0; step < count; step++) {
          for (const { id } of planStep(waiting, most, firstStep + step)) served.add(id);
        }
        expect(served.size).toBe(count);
      }),
    );
  });

  it('serves them equally often in the long run', () => {
    const waiting = Array.from({ length: 7 }, (_, id) => ({ id, pending: 1 }));
    const turns = new Array<number>(7).fill(0);
    for (let step = 0; step < 7 * 5; step++) {
      for (const { id } of planStep(waiting, 3, step)) turns[id] = (turns[id] as number) + 1;
    }
    expect(turns).toEqual(new Array(7).fill(15));
  });

  it('is empty when nobody waits', () => {
    expect(planStep([], 10)).toEqual([]);
  });
});
