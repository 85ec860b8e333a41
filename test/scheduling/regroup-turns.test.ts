import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addToHabit,
  firstTurns,
  habitSet,
  type NextBatchOptions,
  nextBatch,
  type ReadySequence,
  type Turns,
} from '../../lib/index.js';
import { randomNumbers } from '../cache-sim/made-up-traces.js';
import { membersOf, routesOfSubjects, setsOf } from './regroup-support.js';

const shape = { layers: 3, experts: 16, k: 2 };

interface Served {
  steps: number[][];
  turns: Turns;
}

/** Steps of sequences that all go on, with new routes for every token. */
function run(sequences: number, batch: number, steps: number, options: NextBatchOptions = {}, seed = 1): Served {
  const random = randomNumbers(seed);
  const route = () => routesOfSubjects(shape, 1, 1, Math.floor(random() * 1e9))[0] as Uint32Array;
  const ready = Array.from({ length: sequences }, (_, id) => ({ id, lastStep: -1, route: route() }));
  let turns = firstTurns;
  const served: number[][] = [];
  for (let step = 0; step < steps; step++) {
    const next = nextBatch(ready, batch, turns, options);
    turns = next.turns;
    served.push(next.ids);
    for (const id of next.ids) ready[id] = { id, lastStep: step, route: route() };
  }
  return { steps: served, turns };
}

/** Of each sequence, the steps between two of its own. */
function gapsOf(sequences: number, steps: readonly number[][]): number[] {
  return Array.from({ length: sequences }, (_, id) => {
    const own = [-1, ...steps.flatMap((ids, step) => (ids.includes(id) ? [step] : [])), steps.length];
    return Math.max(...own.slice(1).map((step, i) => step - (own[i] as number)));
  });
}

describe('the sequences of the next step', () => {
  it('are all that are ready, if these fit', () => {
    const ready = [3, 1, 2].map((id): ReadySequence => ({ id, lastStep: id }));
    expect(nextBatch(ready, 3)).toEqual({ ids: [3, 1, 2], turns: firstTurns, regrouped: false });
  });

  it('are those who have waited longest, if nothing is known of their routes', () => {
    const ready = [5, 2, 9, 2, 7].map((lastStep, id): ReadySequence => ({ id, lastStep }));
    const { ids, regrouped, turns } = nextBatch(ready, 2);
    expect([ids, regrouped]).toEqual([[1, 3], false]);
    expect(new Set(turns.waiting)).toEqual(new Set([0, 2, 4]));
    expect(nextBatch(ready, 2, turns).ids).toEqual([0, 4]);
  });

  it('are those that share experts; who has waited longest decides between batches alike', () => {
    const routes = setsOf(8, [0, 1], [2, 3], [2, 3], [0, 1]);
    const ready = routes.map((route, id): ReadySequence => ({ id, lastStep: id === 2 ? -5 : -1, route }));
    const first = nextBatch(ready, 2);
    expect(first).toMatchObject({ regrouped: true, turns: { waiting: expect.arrayContaining([0, 3]) } });
    expect(new Set(first.ids)).toEqual(new Set([1, 2]));
    const moved = ready.map((one) => (first.ids.includes(one.id) ? { ...one, lastStep: 0 } : one));
    expect(new Set(nextBatch(moved, 2, first.turns).ids)).toEqual(new Set([0, 3]));
  });

  it('are those that need least of what is not in memory, in each round', () => {
    const routes = setsOf(8, [0, 1], [4, 5], [0, 1], [4, 5]);
    const ready = routes.map((route, id): ReadySequence => ({ id, lastStep: -1, route }));
    const [resident] = setsOf(8, [4, 5, 6]);
    expect(nextBatch(ready, 2, firstTurns, { resident }).ids).toEqual([1, 3]);
    // What the last batch was expected to use is taken to be there: the batch that ends a round begins the next one.
    let turns = firstTurns;
    const order = Array.from({ length: 6 }, () => {
      const next = nextBatch(ready, 2, turns);
      turns = next.turns;
      return next.ids;
    });
    expect(order).toEqual([0, 1, 1, 0, 0, 1].map((first) => [first, first + 2]));
  });

  it('are in the order of waiting where another one would save too little', () => {
    // In order 4 + 4 experts; 0 with 2 and 1 with 3 would have 3 + 4.
    const routes = setsOf(8, [0, 1], [2, 3], [0, 4], [5, 6]);
    const ready = routes.map((route, id): ReadySequence => ({ id, lastStep: -1, route }));
    expect(nextBatch(ready, 2, firstTurns, { leastGain: 0.13 })).toMatchObject({ ids: [0, 1], regrouped: false });
    expect(nextBatch(ready, 2, firstTurns, { leastGain: 0.12 })).toMatchObject({ ids: [0, 2], regrouped: true });
    expect(nextBatch(ready, 2, firstTurns, { leastGain: 0, method: 'none' }).ids).toEqual([0, 1]);
  });

  it('with a higher priority come first, and others join them by what these activate anyway', () => {
    const routes = setsOf(8, [0, 1], [2, 3], [4, 5], [0, 1]);
    const ready = routes.map((route, id): ReadySequence => ({ id, lastStep: id, route, priority: id === 3 ? 1 : 0 }));
    expect(nextBatch(ready, 2).ids).toEqual([3, 0]);
    const later = ready.map((one) => (one.id === 0 ? { ...one, lastStep: 9 } : one));
    // What 3 activates costs nothing more, so that 0 adds nothing to it, though 1 has waited longer.
    expect(nextBatch(later, 2).ids).toEqual([3, 0]);
    expect(nextBatch(later, 2, firstTurns, { method: 'none' }).ids).toEqual([3, 1]);
  });

  it('fill the step: where too few are left of a round, some go along for whom it is the next one', () => {
    const { steps } = run(5, 2, 40);
    for (const ids of steps) expect(new Set(ids).size).toBe(2);
    const counts = Array.from({ length: 5 }, (_, id) => steps.filter((ids) => ids.includes(id)).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  it('stay for a turn of several steps, as long as all of them are ready', () => {
    const { steps } = run(4, 2, 12, { turnSteps: 3 });
    for (const first of [0, 3, 6, 9]) {
      expect(steps[first + 1]).toEqual(steps[first]);
      expect(steps[first + 2]).toEqual(steps[first]);
    }
    expect(new Set([...(steps[0] as number[]), ...(steps[3] as number[])]).size).toBe(4);
    const ready = [0, 1, 2, 3].map((id): ReadySequence => ({ id, lastStep: -1 }));
    const { turns } = nextBatch(ready, 2, firstTurns, { turnSteps: 3 });
    expect(nextBatch(ready.slice(1), 2, turns, { turnSteps: 3 }).ids).toEqual([2, 3]);
  });
});

describe('a habit', () => {
  const shape = { layers: 2, experts: 3, k: 1 };
  it('is what a good share of the last tokens used', () => {
    const habit = new Float32Array(6);
    addToHabit(habit, [0, 1], shape);
    expect([...habit]).toEqual([0.1, 0, 0, 0, 0.1, 0].map((share) => expect.closeTo(share, 6)));
    expect(membersOf(habitSet(habit))).toEqual([]);
    addToHabit(habit, [0, 2], shape);
    addToHabit(habit, [-1, -1], shape);
    // .1 x .9^2 + .1 x .9 of the first layer's expert 0; half of it of the others.
    expect([...habit]).toEqual([0.171, 0, 0, 0, 0.081, 0.09].map((share) => expect.closeTo(share, 6)));
    expect(membersOf(habitSet(habit))).toEqual([0]);
    for (let i = 0; i < 20; i++) addToHabit(habit, [2, 2], shape);
    expect(membersOf(habitSet(habit, new Uint32Array(1)))).toEqual([2, 5]);
  });
});

describe('nobody is passed over', () => {
  it('for more than two rounds, and all get on alike', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 12 }),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom('exchange', 'medoids', 'none'),
        fc.integer({ min: 1, max: 3 }),
        fc.integer(),
        (sequences, batch, method, turnSteps, seed) => {
          fc.pre(batch < sequences);
          const { steps } = run(sequences, batch, 60, { method, turnSteps, leastGain: 0 }, seed);
          const most = 2 * Math.ceil(sequences / batch) * turnSteps;
          expect(Math.max(...gapsOf(sequences, steps))).toBeLessThanOrEqual(most);
          const counts = Array.from({ length: sequences }, (_, id) => steps.filter((ids) => ids.includes(id)).length);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2 * turnSteps);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('by sequences that come, stay for a token and go', () => {
    const random = randomNumbers(3);
    const route = () => routesOfSubjects(shape, 1, 1, Math.floor(random() * 1e9))[0] as Uint32Array;
    let ready: ReadySequence[] = [];
    let turns = firstTurns;
    const served: number[][] = [];
    for (let step = 0, next = 4; step < 60; step++) {
      // Four stay; the others are new each time they have had their turn.
      while (ready.length < 12) {
        const id = ready.filter(({ id }) => id < 4).length < 4 ? ready.length : next++;
        ready.push({ id, lastStep: step - 1, route: route() });
      }
      const choice = nextBatch(ready, 3, turns, { leastGain: 0 });
      turns = choice.turns;
      served.push(choice.ids);
      ready = ready
        .filter(({ id }) => id < 4 || !choice.ids.includes(id))
        .map((one) => (choice.ids.includes(one.id) ? { ...one, lastStep: step, route: route() } : one));
    }
    expect(Math.max(...gapsOf(4, served))).toBeLessThanOrEqual(8);
  });
});

describe('a choice', () => {
  it('depends on nothing but what it is given', () => {
    const once = run(9, 4, 30);
    expect(run(9, 4, 30)).toEqual(once);
    expect(structuredClone(once.turns)).toEqual(once.turns);
  });

  it('of sequences without a route counts these as fitting anywhere', () => {
    const [route] = setsOf(8, [0, 1]);
    const ready = [0, 1, 2, 3].map((id): ReadySequence => ({ id, lastStep: -1, route: id % 2 ? route : undefined }));
    expect(membersOf(route as Uint32Array)).toEqual([0, 1]);
    // 1 and 3 together are one batch of two experts, 0 and 2 one of none.
    expect(nextBatch(ready, 2)).toMatchObject({ ids: [0, 2], regrouped: true });
  });

  it.each([
    [() => nextBatch([], 0), 'batchSize must be an integer from 1'],
    [() => nextBatch([], 2, firstTurns, { turnSteps: 0 }), 'turnSteps must be an integer from 1'],
    [() => nextBatch([], 2, firstTurns, { leastGain: 2 }), 'leastGain must be a number from 0 to 1'],
    [
      () => nextBatch([], 2, firstTurns, { method: 'random' as never }),
      'method must be one of none, exchange, medoids',
    ],
    [
      () =>
        nextBatch(
          [1, 2].map((words) => ({ id: 10 * words, lastStep: 0, route: new Uint32Array(words) })),
          1,
        ),
      'the route of sequence 20 has 2 words and the route of sequence 10 has 1',
    ],
    [
      () => {
        const ready = [1, 2].map((id) => ({ id, lastStep: 0, route: new Uint32Array(2) }));
        return nextBatch(ready, 1, firstTurns, { resident: new Uint32Array(1) });
      },
      'resident has 1 words and routes have 2',
    ],
  ])('refuses what is wrong: %#', (call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(call).toThrow(message);
  });
});
