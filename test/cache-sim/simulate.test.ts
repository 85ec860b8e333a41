import { describe, expect, it } from 'vitest';
import { policies, type RouteTrace, simulateCache } from '../../lib/index.js';
import { demoModel } from '../support/fixtures.js';
import { load, memoryBudget } from '../support/models.js';

const trace: RouteTrace = { layers: 2, experts: 4, expertsUsed: 1, routes: Int32Array.of(0, 0, 1, 0, 0, 0) };

describe('a simulated cache', () => {
  it('counts hits and misses as one does by hand', async () => {
    // Three tokens, least recently used of two slots: 0.0 and 1.0 miss; 0.1 takes the place of 0.0, 1.0 hits; 0.0 misses.
    const result = await simulateCache(trace, { policy: 'lru', slots: 2 });
    expect(result).toEqual({
      hits: 2,
      misses: 4,
      hitRate: 2 / 6,
      layers: [
        { hits: 0, misses: 3 },
        { hits: 2, misses: 1 },
      ],
    });
    // The optimum keeps 0.0 in the third slot.
    expect(await simulateCache(trace, { policy: 'belady', slots: 3 })).toMatchObject({ hits: 3, misses: 3 });
  });

  it.each(policies.filter((name) => name !== 'static'))('%s comes to the hits of the engine itself', async (policy) => {
    const options = { cache: { policy, prefetch: 'none' }, batchTokens: 32 } as const;
    const model = await load(demoModel, { ...options, ram: await memoryBudget(4, options) });
    const prompt = Array.from({ length: 45 }, (_, i) => 300 + 17 * i);
    const { stats, routing } = await model.generate(prompt, { maxTokens: 40, ignoreEos: true, routing: true }).result;
    const simulated = await simulateCache(
      {
        layers: model.info.expertLayers,
        experts: model.info.experts,
        expertsUsed: model.info.expertsUsed,
        routes: routing?.experts as Int32Array,
        // The prompt in steps of at most 32 tokens, then one at a time; the last token is not read back.
        itemTokens: Int32Array.from([32, 13, ...Array(39).fill(1)]),
      },
      { policy, slots: stats.experts.slots },
    );
    expect(simulated).toMatchObject({ hits: stats.experts.hits, misses: stats.experts.misses });
    expect(stats.experts.misses).toBeGreaterThan(100);
  });

  it('needs a trace and options that make sense', async () => {
    const wrong = (changed: object, message: string | RegExp) =>
      expect(simulateCache({ ...trace, ...changed } as RouteTrace, { slots: 2 })).rejects.toThrow(message);
    await wrong({ routes: [0, 1] }, 'routes must be an Int32Array, is an array');
    await wrong({ routes: Int32Array.of(0, 4) }, 'token 0, layer 1: expert 4 of 4');
    await wrong({ layers: 0 }, 'layers must be an integer from 1');
    await wrong({ layers: 65536, experts: 65536 }, 'layers times experts must be at most 2^24');
    await wrong({ itemTokens: Int32Array.of(4) }, 'do not have as many tokens');
    await wrong({ tokens: 3 }, /unknown option tokens/);
    await expect(simulateCache(trace, { slots: 0 })).rejects.toThrow('slots must be an integer from 1');
    const slots = (...counts: number[]) => simulateCache(trace, { slots: Int32Array.from(counts) });
    await expect(slots(60_000_000)).rejects.toThrow('a cache may have up to 16777216 slots');
    await expect(slots(2 ** 31 - 1, 2 ** 31 - 1)).rejects.toThrow('a cache may have up to 16777216 slots');
    await expect(slots(2, -1)).rejects.toThrow('slots must be at least 0, are -1');
    await expect(simulateCache(trace, { slots: 2, policy: 'fifo' as 'lru' })).rejects.toThrow('policy must be one of');
    await expect(simulateCache(trace, { slots: 2, policy: 'static' })).rejects.toThrow('needs a list of hot experts');
    await expect(simulateCache(trace, { slots: 2, policy: 'static', hot: [[2, 0]] })).rejects.toThrow(
      'hot: expert 0 of layer 2, but the trace has 2 layers of 4 experts',
    );
  });
});
