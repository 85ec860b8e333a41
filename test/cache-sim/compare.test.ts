import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReuseDistances } from '../../lib/cache-sim/summary.js';
import {
  type CacheRow,
  type CompareCachesOptions,
  compareCaches,
  simulateCache,
  simulatedPolicies,
} from '../../lib/index.js';
import { DECODE, NOT_RECORDED, PREFILL, type Trace, tokensOf, traceInMemory } from '../../lib/trace/trace.js';
import { trainPredictor } from '../../predictor/index.js';
import { ruledTrace, small } from '../predictor/made-up-routes.js';
import { randomNumbers, randomRoutes, randomTrace, tinyTrace } from './made-up-traces.js';

async function only(trace: Trace, options: CompareCachesOptions): Promise<CacheRow> {
  const rows = await compareCaches(trace, options);
  expect(rows).toHaveLength(1);
  return rows[0] as CacheRow;
}

describe('caches compared on a trace', () => {
  const shape = { layers: 3, experts: 16, k: 2 };

  it('count as simulateCache does, for every policy and size', async () => {
    const routes = randomRoutes(shape, 300, randomNumbers(1));
    const trace = traceInMemory({ ...shape, ranked: true }, tokensOf(shape as Trace, routes));
    const hot = [
      [0, 1],
      [2, 3],
    ] as const;
    const rows = await compareCaches(trace, { slots: [4, 12, 30], hot });
    expect(rows.map(({ policy, slots }) => [policy, slots])).toEqual(
      simulatedPolicies.flatMap((policy) => [4, 12, 30].map((slots) => [policy, slots])),
    );
    for (const { policy, slots, hits, misses, loads, accesses, tokens } of rows) {
      const alone = await simulateCache(
        { layers: 3, experts: 16, expertsUsed: 2, routes },
        {
          policy,
          slots,
          ...(policy === 'static' ? { hot } : {}),
        },
      );
      expect([hits, misses, loads, accesses, tokens]).toEqual([alone.hits, alone.misses, alone.misses, 1800, 300]);
    }
  });

  it('hit in slots / experts of the cases where routes are random and even', async () => {
    const trace = randomTrace({ layers: 2, experts: 32, k: 2 }, [{ prompt: 0, text: 8000 }], 2);
    for (const { hitRate, policy } of await compareCaches(trace, { slots: [12], scope: 'layer' })) {
      // Of 32,000 uses five standard deviations are .014; a slot that its own layer has just filled is of use to it.
      if (policy !== 'belady') expect(hitRate).toBeCloseTo(12 / 32, 1);
    }
    const [lru] = await compareCaches(trace, { slots: [12], scope: 'layer', policies: ['lru'], order: 'recorded' });
    expect(lru?.hitRate).toBeGreaterThan(12 / 32 - 0.04);
    expect(lru?.hitRate).toBeLessThan(12 / 32 + 0.02);
  });

  it('never hit more than the optimum', async () => {
    const sequences = fc.array(
      fc.record({ prompt: fc.integer({ min: 0, max: 5 }), text: fc.integer({ min: 1, max: 20 }) }),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(
        sequences,
        fc.integer({ min: 2, max: 8 }),
        fc.constantFrom('global', 'layer'),
        fc.constantFrom('engine', 'strict', 'recorded'),
        fc.integer({ min: 1, max: 3 }),
        fc.integer(),
        async (lengths, slots, scope, order, batch, seed) => {
          const trace = randomTrace({ layers: 2, experts: 8, k: 2 }, lengths, seed);
          // In the order of the engine prompts may go through fewer places than they need experts, one after another, and
          // so do steps that are too large; the optimum does not.
          const limits = order === 'engine' ? { phase: 'decode' as const, slots: [Math.max(slots, 2 * batch)] } : {};
          const options = { slots: [slots], scope, order, batches: [batch], promptTokens: 3, ...limits };
          const rows = await compareCaches(trace, options);
          const hits = (policy: string) =>
            rows.filter((row) => row.policy === policy).reduce((sum, row) => sum + row.hits, 0);
          for (const policy of simulatedPolicies) expect(hits(policy)).toBeLessThanOrEqual(hits('belady'));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('for single tokens, never hit more than the optimum in the order of the engine', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const trace = randomTrace({ layers: 3, experts: 10, k: 3 }, [{ prompt: 0, text: 60 }], seed);
      const rows = await compareCaches(trace, { slots: [4, 9, 20] });
      for (const { slots, hits } of rows) {
        expect(hits).toBeLessThanOrEqual(rows.find((row) => row.policy === 'belady' && row.slots === slots)?.hits ?? 0);
      }
    }
  });

  it('do not depend on how the trace is cut into chunks', async () => {
    const trace = randomTrace(
      shape,
      [
        { prompt: 7, text: 30 },
        { prompt: 2, text: 11 },
        { prompt: 0, text: 20 },
      ],
      3,
    );
    const cut: Trace = {
      ...trace,
      async *chunks() {
        for await (const part of trace.chunks()) {
          for (let first = 0; first < part.count; first += 4) {
            const last = Math.min(part.count, first + 4);
            yield {
              ...part,
              count: last - first,
              sequence: part.sequence.slice(first, last),
              phase: part.phase.slice(first, last),
              experts: part.experts.slice(first * 6, last * 6),
            };
          }
        }
      },
    };
    const options = { slots: [8, 20], batches: [1, 2], promptTokens: 5 };
    expect(await compareCaches(cut, options)).toEqual(await compareCaches(trace, options));
  });

  it('hit least often in all, not in each phase, with less than the optimum', async () => {
    // Prompts take turns with two experts, now and then a generated token uses a third one; two places.
    const header = { layers: 1, experts: 3, k: 1, ranked: true };
    const parts = Array.from({ length: 200 }, (_, i) =>
      i % 4 === 3
        ? tokensOf(header, Int32Array.of(2), { sequence: i, phase: DECODE })
        : tokensOf(header, Int32Array.of(i % 2), { sequence: i, phase: PREFILL }),
    );
    const rows = await compareCaches(traceInMemory(header, ...parts), { slots: [2], order: 'strict' });
    const hits = (policy: string) =>
      rows.filter((row) => row.policy === policy).reduce((sum, row) => sum + row.hits, 0);
    for (const { policy } of rows) expect(hits(policy)).toBeLessThanOrEqual(hits('belady'));
    const decode = rows.filter(({ phase }) => phase === 'decode');
    const optimum = decode.find(({ policy }) => policy === 'belady')?.hits ?? expect.unreachable();
    expect(Math.max(...decode.map((row) => row.hits))).toBeGreaterThan(optimum);
  });

  it('do not say what residents-first reads, as it counts what is there when a layer begins', async () => {
    const trace = { ...randomTrace({ layers: 2, experts: 8, k: 2 }, [{ prompt: 2, text: 9 }], 1), expertBytes: [1, 1] };
    const rows = await compareCaches(trace, { slots: [4], order: 'residents-first' });
    for (const { loads, bytes, bytesPerToken } of rows)
      expect([loads, bytes, bytesPerToken]).toEqual([null, null, null]);
  });

  it('count prompts and generated tokens apart, or look at one of them alone', async () => {
    const trace = tinyTrace(4, [
      [0, PREFILL, 0],
      [0, PREFILL, 1],
      [0, PREFILL, 0],
      [0, DECODE, 1],
      [0, DECODE, 2],
    ]);
    const options = { policies: ['lru'], slots: [4] } as const;
    expect(await compareCaches(trace, options)).toMatchObject([
      { phase: 'prefill', tokens: 3, accesses: 2, hits: 0, missesPerToken: 2 / 3 },
      { phase: 'decode', tokens: 2, accesses: 2, hits: 1, missesPerToken: 0.5 },
    ]);
    expect(await only(trace, { ...options, phase: 'decode' })).toMatchObject({ phase: 'decode', accesses: 2, hits: 0 });
    expect(await only(trace, { ...options, phase: 'prefill', promptTokens: 1 })).toMatchObject({
      accesses: 3,
      hits: 1,
    });
  });

  it('need an expert once for all sequences of a step, and may begin empty for each group', async () => {
    const trace = tinyTrace(4, [
      [0, DECODE, 0],
      [0, DECODE, 1],
      [1, DECODE, 0],
      [1, DECODE, 2],
      [2, DECODE, 1],
    ]);
    const options = { policies: ['lru'], slots: [4] } as const;
    // {0}, {1,2}, then {1} alone.
    expect(await only(trace, { ...options, batches: [2] })).toMatchObject({ batch: 2, accesses: 4, hits: 1 });
    expect(await only(trace, { ...options, batches: [2], emptyPerSequence: true })).toMatchObject({
      accesses: 4,
      hits: 0,
    });
    expect(await only(trace, { ...options, emptyPerSequence: true })).toMatchObject({ accesses: 5, hits: 0 });
    expect(await only(trace, options)).toMatchObject({ accesses: 5, hits: 2 });
  });

  it('of a trace without tokens have no rows', async () => {
    expect(await compareCaches(tinyTrace(4, []), { slots: [4], batches: [1, 2] })).toEqual([]);
    expect(await compareCaches(tinyTrace(4, [[0, DECODE, 0]]), { slots: [4], phase: 'prefill' })).toEqual([]);
  });

  it('do not ask for what was not recorded', async () => {
    const header = { layers: 2, experts: 4, k: 1, ranked: true };
    const trace = traceInMemory(header, tokensOf(header, Int32Array.of(0, NOT_RECORDED, 0, 1)));
    expect(await only(trace, { policies: ['lru'], slots: [8] })).toMatchObject({ accesses: 3, hits: 1 });
  });

  it('hold what bytes make of experts of several sizes, and count what they read', async () => {
    const sized = { layers: 2, experts: 4, k: 1, ranked: true, expertBytes: [100, 300] };
    const trace = traceInMemory(sized, tokensOf(sized, Int32Array.of(0, 0, 1, 1, 0, 0, 1, 1)));
    // Half of 1600 bytes: two places of each size.
    const row = await only(trace, { policies: ['lru'], bytes: [800] });
    expect(row).toMatchObject({ slots: 4, share: 0.5, capacityBytes: 800, hits: 4, bytes: 800, bytesPerToken: 200 });
    expect(await only(trace, { policies: ['lru'], bytes: ['400B'], scope: 'layer' })).toMatchObject({
      slots: 1,
      hits: 0,
      bytes: 1600,
    });
    await expect(compareCaches(trace, { bytes: [399] })).rejects.toThrow(
      'bytes: 399 hold fewer than the 1 experts of a layer that a token uses; at least 400 are needed',
    );
  });

  it('of one layer hit with lru what is not farther away than they have places', async () => {
    const trace = randomTrace({ layers: 2, experts: 12, k: 3 }, [{ prompt: 0, text: 200 }], 4);
    const distances = new ReuseDistances(trace);
    for await (const part of trace.chunks()) distances.add(part);
    const slots = [3, 5, 8, 12];
    const rows = await compareCaches(trace, { policies: ['lru'], slots, scope: 'layer', order: 'recorded' });
    expect(rows.map(({ hits }) => hits)).toEqual(
      slots.map((count) => distances.uses.subarray(0, count).reduce((sum, uses) => sum + uses, 0)),
    );
  });
});

describe('predictions', () => {
  const trace = randomTrace({ layers: 4, experts: 32, k: 2 }, [{ prompt: 0, text: 400 }], 5);
  const base = { policies: ['plec', 'belady'], slots: [64] } as const;

  it('that are perfect leave the first request alone to miss; the optimum goes without', async () => {
    const [plec, belady] = await compareCaches(trace, { ...base, prediction: {} });
    expect(plec).toMatchObject({ misses: 2, wastedPrefetches: 0 });
    expect(plec?.prefetches).toBe(plec?.prefetchHits);
    expect(plec?.loads).toBe(2 + (plec?.prefetches ?? 0));
    expect(belady).toMatchObject({ prefetches: 0 });
    expect(belady).toEqual((await compareCaches(trace, base))[1]);
  });

  it('are wasted by as much as they are imprecise, and the same for the same seed', async () => {
    // So many places that what was fetched stays until its layer asks.
    const wide = { policies: ['lru'], slots: [128], prediction: { recall: 0.5, precision: 0.25, seed: 7 } } as const;
    const first = await only(trace, wide);
    expect(await only(trace, wide)).toEqual(first);
    expect(await only(trace, { ...wide, prediction: { ...wide.prediction, seed: 8 } })).not.toEqual(first);
    expect(first.prefetches).toBe(first.prefetchHits + first.wastedPrefetches);
  });

  it('of no recall change nothing', async () => {
    const [without] = await compareCaches(trace, base);
    expect((await compareCaches(trace, { ...base, prediction: { recall: 0 } }))[0]).toEqual(without);
  });
});

describe('the cost of reads', () => {
  it('is what computing and waiting take, by hand', async () => {
    const header = { layers: 1, experts: 4, k: 2, ranked: true, expertBytes: [1000] };
    const trace = traceInMemory(header, tokensOf(header, Int32Array.of(0, 1, 1, 2)));
    const options = { policies: ['lru'], slots: [2] } as const;
    // 0 arrives at 1 s, 1 at 2 s, each is computed in .25 s; then 1 at once, and 2 a second after it was asked for.
    const cost = { bandwidth: 1000, expertSeconds: 0.25 };
    const row = await only(trace, { ...options, cost });
    expect([row.seconds, row.stallSeconds, row.tokensPerSecond]).toEqual([3.5, 2.5, 2 / 3.5]);
    const apart = await only(trace, { ...options, cost: { ...cost, overlap: false } });
    expect([apart.seconds, apart.stallSeconds]).toEqual([4, 3]);
    expect(await only(trace, options)).toMatchObject({ seconds: null, tokensPerSecond: null, bytes: 3000 });
  });
});

describe('options that make no sense', () => {
  const trace = tinyTrace(4, [[0, DECODE, 0]]);
  it.each([
    [{}, 'slots or bytes must say how much the caches hold'],
    [
      { slots: [5] },
      'slots: 5 must be from 1, which a token uses in a layer, to 4, which the trace has (scope: global)',
    ],
    [{ slots: 4 }, 'slots must be an array of numbers of slots'],
    [{ slots: [0] }, 'slots[0] must be an integer from 1'],
    [{ slots: [1], policies: ['fifo'] }, 'policies[0] must be one of plec, '],
    [{ slots: [1], batches: [0] }, 'batches[0] must be an integer from 1'],
    [{ slots: [1], order: 'random' }, 'order must be one of engine, residents-first, strict, recorded'],
    [{ slots: [1], scope: 'model' }, 'scope must be one of global, layer'],
    [{ slots: [1], prediction: { recall: 2 } }, 'recall must be a number from 0 to 1'],
    [{ slots: [1], prediction: { precision: 0 } }, 'precision must be a number from 0.000001 to 1'],
    [
      { slots: [1], prediction: { layersAhead: 2 } },
      'prediction.layersAhead must be an integer from 1 to 1, the layers of the trace',
    ],
    [{ slots: [1], cost: { bandwidth: 1 } }, 'expertBytes is needed for cost'],
    [{ slots: [1], cost: {}, expertBytes: 5 }, 'cost.bandwidth is missing'],
    [
      { slots: [1], cost: { bandwidth: 1 }, expertBytes: 5, order: 'residents-first' },
      'cost: the order residents-first does not say what is read',
    ],
    [{ bytes: ['1GiB'] }, 'expertBytes is needed for bytes'],
    [{ slots: [1], expertBytes: [1, 2] }, 'expertBytes has 2 sizes, and the trace 1 layers'],
    [{ slots: [1], hot: [[1, 0]] }, 'hot: expert 0 of layer 1, but the trace has 1 layers of 4 experts'],
    [{ slots: [1], slot: 2 }, 'unknown option slot; did you mean slots?'],
  ])('%j are refused', async (options, message) => {
    await expect(compareCaches(trace, options as CompareCachesOptions)).rejects.toThrow(message);
    await expect(compareCaches(trace, options as CompareCachesOptions)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('as are traces whose tokens do not fit their header', async () => {
    const header = { layers: 1, experts: 4, k: 2, ranked: true };
    const wrong = (tokens: object) => {
      const part = { ...tokensOf(header, Int32Array.of(0, 1, 2, 3)), ...tokens };
      return compareCaches(traceInMemory(header, part), { slots: [2] });
    };
    await expect(wrong({ count: 3 })).rejects.toThrow('the trace has 2 values of sequence for 3 tokens; 3 are needed');
    await expect(wrong({ experts: Int32Array.of(0, 1) })).rejects.toThrow(
      '2 values of experts for 2 tokens; 4 are needed',
    );
    await expect(wrong({ experts: Int32Array.of(0, 1, 2, 4) })).rejects.toThrow('token 1, layer 0: expert 4 of 4');
  });

  it('and a signal ends the work', async () => {
    const reason = new Error('enough');
    await expect(compareCaches(trace, { slots: [1], signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    // One chunk, which takes seconds: the optimum works when all has come, the others while it comes.
    const shape = { layers: 8, experts: 512, k: 8, ranked: true };
    const long = traceInMemory(shape, tokensOf(shape, randomRoutes(shape, 8000, randomNumbers(2))));
    for (const policy of ['belady', 's3-fifo'] as const) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 30);
      const began = performance.now();
      const work = compareCaches(long, { policies: [policy], slots: [2000], signal: controller.signal });
      await expect(work).rejects.toBe(reason);
      expect(performance.now() - began).toBeLessThan(2000);
    }
  });
});

describe('caches that go by a trained predictor', () => {
  it('take it as it was trained, on the sequences that it has not seen', async () => {
    const trace = ruledTrace({ sequences: 40 });
    const predictor = await trainPredictor(trace, { ...small, epochs: 20 });
    const options = { slots: [12], policies: ['plec'], holdout: small.holdout } as const;
    const alone = await only(trace, options);
    const told = await only(trace, { ...options, prediction: { predictor } });
    expect(told.tokens).toBe(predictor.heldOutTokens);
    expect(told.tokens).toBe(alone.tokens);
    expect(alone.hitRate).toBeLessThan(0.6);
    expect(told.hitRate).toBeGreaterThan(0.9);
    // Who must be sure fetches little.
    const timid = await only(trace, { ...options, prediction: { predictor, leastProbability: 1 } });
    expect(timid.prefetches).toBeLessThan(told.prefetches / 10);
    // Side by side, and beginning empty, each sequence still has its own past.
    const together = { ...options, batches: [4], emptyPerSequence: true, slots: [24], prediction: { predictor } };
    expect((await only(trace, together)).hitRate).toBeGreaterThan(0.9);
  });

  it('refuse what is none, and options that belong to made-up predictions', async () => {
    const trace = ruledTrace();
    const refused = (prediction: object) => compareCaches(trace, { slots: [12], prediction: prediction as never });
    await expect(refused({ predictor: 5 })).rejects.toThrow(
      "predictor must be the path of a predictor's file, or a predictor",
    );
    await expect(refused({ predictor: 'x', recall: 0.5 })).rejects.toThrow(/unknown.*recall|recall.*unknown/);
    await expect(refused({ predictor: 'x', leastProbability: 2 })).rejects.toThrow('leastProbability');
    await expect(refused({ predictor: 'nowhere.predictor' })).rejects.toMatchObject({ code: 'IO' });
  });
});
