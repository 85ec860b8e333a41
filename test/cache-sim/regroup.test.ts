import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { addProbable } from '../../lib/cache-sim/regroup-predicted.js';
import { replay } from '../../lib/cache-sim/regroup-replay.js';
import {
  type CompareGroupingsOptions,
  compareCaches,
  compareGroupings,
  type GroupingRow,
  type Trace,
  type TraceTokens,
  tokensOf,
  traceInMemory,
} from '../../lib/index.js';
import { type TrainedPredictor, trainPredictor } from '../../predictor/index.js';
import { ruledTrace, small } from '../predictor/made-up-routes.js';
import { membersOf } from '../scheduling/regroup-support.js';
import { randomNumbers, randomTrace } from './made-up-traces.js';

/** Sequences of two subjects: 0, 2, ... use experts 0 to 3 of each layer, the others 4 to 7. */
function subjectsTrace(sequences: number, tokens: number, seed = 1): Trace {
  const header = { layers: 2, experts: 8, k: 2, ranked: true };
  const random = randomNumbers(seed);
  const parts = Array.from({ length: sequences }, (_, sequence): TraceTokens => {
    const experts = Array.from({ length: tokens * 2 }, () => {
      const first = Math.floor(random() * 4);
      return [first, (first + 1 + Math.floor(random() * 3)) % 4].map((expert) => expert + 4 * (sequence % 2));
    });
    return tokensOf(header, Int32Array.from(experts.flat()), { sequence });
  });
  return traceInMemory(header, ...parts);
}

function rowOf(rows: GroupingRow[], method: GroupingRow['method'], routes: GroupingRow['routes'] = null): GroupingRow {
  return rows.find((row) => row.method === method && row.routes === routes) as GroupingRow;
}

describe('a replay', () => {
  const begins = [0, 0, 0, 0, 0, 0];
  it('keeps as many sequences going as it should, and ends when there are too few for a round', () => {
    const steps = [...replay({ sequences: 4, batch: 2, begins, ends: [3, 3, 3, 3, 3, 3], method: 'none' })];
    const tokens = steps.flatMap(({ items }) => items.map(({ index, token }) => `${index}.${token}`));
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(steps[0]?.begun).toEqual([0, 1, 2, 3]);
    // Four run three rounds of two steps; of the two that come then there are too few.
    expect(steps).toHaveLength(6);
    expect(steps.filter(({ round }) => round)).toHaveLength(3);
    for (const { items } of steps) expect(items).toHaveLength(2);
  });

  it('lets the next sequence begin when one is over, with its first generated token', () => {
    const options = { sequences: 2, batch: 1, begins: [4, 0, 7], ends: [5, 9, 9], method: 'none' as const };
    const items = [...replay(options)].flatMap((step) => step.items.map(({ index, token }) => [index, token]));
    expect(items.slice(0, 4)).toEqual([
      [0, 4],
      [1, 0],
      [2, 7],
      [1, 1],
    ]);
  });
});

describe('groupings compared on a trace', () => {
  it('find subjects, where the order at hand mixes them', async () => {
    const rows = await compareGroupings(subjectsTrace(24, 30), { sequences: 8, batch: 4, optimum: true });
    expect(rows.map(({ method, routes }) => [method, routes])).toEqual([
      ['in-order', null],
      ['random', null],
      ['medoids', 'true'],
      ['medoids', 'previous'],
      ['medoids', 'habit'],
      ['exchange', 'true'],
      ['exchange', 'previous'],
      ['exchange', 'habit'],
      ['optimum', null],
      ['bound', null],
    ]);
    const [inOrder, bound, optimum] = [rowOf(rows, 'in-order'), rowOf(rows, 'bound'), rowOf(rows, 'optimum')];
    for (const row of rows) {
      expect(row.tokens).toBe(inOrder.tokens);
      expect(row.steps).toBe(inOrder.steps);
      expect(row.activatedPerStep).toBeCloseTo(row.activated / row.steps, 9);
      expect(row.activatedPerToken).toBeCloseTo(row.activated / row.tokens, 9);
      expect(row.saved).toBeCloseTo(1 - row.activated / inOrder.activated, 9);
      if (row !== bound) expect(row.activated).toBeGreaterThanOrEqual(optimum.activated);
    }
    expect(inOrder.tokens).toBe(2 * inOrder.steps * 2);
    expect(optimum.activated).toBeGreaterThanOrEqual(bound.activated);
    const exchange = rowOf(rows, 'exchange', 'true');
    expect(exchange.activated).toBeLessThanOrEqual(1.02 * optimum.activated);
    expect(exchange.saved).toBeGreaterThan(0.2);
    // What the token before used says the subject, too.
    expect(rowOf(rows, 'exchange', 'previous').saved).toBeGreaterThan(0.15);
    expect(inOrder.longestWait).toBe(2);
    expect(exchange.longestWait).toBeLessThanOrEqual(4);
  });

  it('save nothing where all tokens use the same', async () => {
    const header = { layers: 1, experts: 4, k: 2, ranked: true };
    const parts = Array.from({ length: 6 }, (_, sequence) =>
      tokensOf(
        header,
        Int32Array.from({ length: 20 }, (_, i) => i % 2),
        { sequence },
      ),
    );
    for (const { saved, activatedPerStep } of await compareGroupings(traceInMemory(header, ...parts), {
      sequences: 4,
      batch: 2,
    })) {
      expect([saved, activatedPerStep]).toEqual([0, 2]);
    }
  });

  it('count what caches do as compareCaches counts it', async () => {
    const lengths = [12, 12, 12, 12].map((text) => ({ prompt: 3, text }));
    const trace = randomTrace({ layers: 2, experts: 8, k: 2 }, lengths, 4);
    const options: CompareGroupingsOptions = { sequences: 4, batch: 2, slots: [16], policies: ['lru', 'belady'] };
    const rows = await compareGroupings(trace, options);
    for (const { caches, activated, tokens } of rows.filter(({ longestWait }) => longestWait !== null)) {
      expect(caches.map(({ policy, slots, batch, phase }) => [policy, slots, batch, phase])).toEqual([
        ['lru', 16, 2, 'decode'],
        ['belady', 16, 2, 'decode'],
      ]);
      for (const cache of caches) {
        expect(cache.accesses).toBe(activated);
        expect(cache.tokens).toBe(tokens);
      }
    }
    // All fits: what was never read is read once, by prompts or later, as in any order.
    const [all] = await compareCaches(trace, { slots: [16], policies: ['lru'], batches: [4], phase: 'all' });
    expect(rows[0]?.caches[0]?.misses).toBeLessThanOrEqual(all?.misses ?? 0);
  });

  it('are the same each time, and others with another seed', async () => {
    const trace = randomTrace({ layers: 2, experts: 16, k: 2 }, new Array(12).fill({ prompt: 2, text: 9 }), 1);
    const options = { sequences: 5, batch: 2, slots: [20], policies: ['plec'] } as const;
    const once = await compareGroupings(trace, options);
    expect(await compareGroupings(trace, options)).toEqual(once);
    expect(await compareGroupings(trace, { ...options, seed: 1 })).not.toEqual(once);
    // Steps of two cannot serve five alike in whole rounds, so there is no bound.
    expect(once.map(({ method }) => method)).not.toContain('bound');
  });

  it('take turns of several steps', async () => {
    const rows = await compareGroupings(subjectsTrace(12, 40), { sequences: 8, batch: 4, turnSteps: 4 });
    expect(rows.find(({ method }) => method === 'bound')).toBeUndefined();
    expect(rowOf(rows, 'in-order').longestWait).toBeGreaterThan(2);
    expect(rowOf(rows, 'exchange', 'true').saved).toBeGreaterThan(0.2);
  });

  it('never save less than nothing with true routes, nor more than the bound', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 2, max: 3 }),
        fc.integer(),
        async (batch, batches, seed) => {
          const trace = randomTrace({ layers: 2, experts: 8, k: 2 }, new Array(9).fill({ prompt: 0, text: 6 }), seed);
          const rows = await compareGroupings(trace, { sequences: batch * batches, batch, leastGain: 0, seed: 0 });
          const { activated } = rowOf(rows, 'bound');
          for (const row of rows) expect(row.activated).toBeGreaterThanOrEqual(activated);
        },
      ),
      { numRuns: 15 },
    );
  });

  describe('with a trained predictor', () => {
    let predictor: TrainedPredictor;
    const trace = ruledTrace({ sequences: 40, tokens: 40 });
    beforeAll(async () => {
      predictor = await trainPredictor(trace, { ...small, epochs: 20 });
    });

    it('come close to what true routes save', async () => {
      const rows = await compareGroupings(trace, { sequences: 6, batch: 3, predictor, holdout: 0.2 });
      const [told, known] = [rowOf(rows, 'exchange', 'predicted'), rowOf(rows, 'exchange', 'true')];
      expect(known.saved).toBeGreaterThan(0.05);
      expect(told.saved).toBeGreaterThan(0.8 * known.saved);
      const all = await compareGroupings(trace, {
        sequences: 6,
        batch: 3,
        predictor,
        holdout: 0.2,
        predictedSet: { leastProbability: 0.3 },
        slots: [12],
        leastProbability: 0.5,
        policies: ['plec'],
      });
      expect(rowOf(all, 'exchange', 'predicted').saved).toBeGreaterThan(0.8 * known.saved);
      expect(all[0]?.caches[0]?.prefetches).toBeGreaterThan(0);
    });

    it('refuse one of another model', async () => {
      await expect(compareGroupings(subjectsTrace(4, 4), { sequences: 4, batch: 2, predictor })).rejects.toThrow(
        'it is for 3 layers with 2 of 8 experts per token, but the model has 2 with 2 of 8',
      );
    });
  });

  it.each([
    [{ batch: 16 }, 'batch must be less than sequences, or there is nothing to choose: 16 of 16'],
    [{ sequences: 1 }, 'sequences must be an integer from 2'],
    [{}, 'sequences: the trace has 4 with generated tokens, which are too few for 16 at a time'],
    [{ predictedSet: { most: 4 } }, "predictedSet is of a predictor's probabilities: predictor is missing"],
    [{ leastProbability: 0.5 }, "leastProbability is of a predictor's probabilities: predictor is missing"],
    [{ predictedSet: {} as never }, 'predictedSet must have either most or leastProbability'],
    [{ sequences: 17, optimum: true }, 'optimum: all groupings are tried of 16 sequences at most'],
    [{ policies: ['best'] as never }, 'policies[0] must be one of plec'],
    [{ sequences: 4, batch: 2, slots: [1] }, 'slots: 1 must be from 2, which a token uses in a layer'],
    [{ sequencs: 4 } as never, 'unknown option sequencs; did you mean sequences?'],
  ])('refuse %j', async (options: CompareGroupingsOptions, message) => {
    await expect(compareGroupings(subjectsTrace(4, 4), options)).rejects.toThrow(message);
  });

  it('end with the reason of a signal', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(compareGroupings(subjectsTrace(4, 4), { sequences: 4, batch: 2, signal })).rejects.toThrow('enough');
  });
});

describe('the experts that a predictor is taken to expect', () => {
  const header = { layers: 2, experts: 4, k: 1, ranked: true };
  const probabilities = Float32Array.of(0.1, 0.9, 0.9, 0.4, 0.3, 0.2, 0.6, 0.1);
  it.each([
    [{ most: 1 }, [1, 6]],
    [{ most: 2 }, [1, 2, 4, 6]],
    [{ most: 9 }, [0, 1, 2, 3, 4, 5, 6, 7]],
    [{ leastProbability: 0.4 }, [1, 2, 3, 6]],
  ])('are %j of each layer', (which, expected) => {
    const set = new Uint32Array(1);
    addProbable(set, probabilities, header, which);
    expect(membersOf(set)).toEqual(expected);
  });
});
