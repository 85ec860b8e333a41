import { describe, expect, it } from 'vitest';
import { loadModel, type Model, planMemory, type RoutingRecord } from '../../lib/index.js';
import { demoModel } from '../support/fixtures.js';
import { memoryBudget as budget, load } from '../support/models.js';

const prompt = Array.from({ length: 40 }, (_, i) => 300 + 17 * i);

/** Ended in the middle of its prompt, or a little later. */
async function abortedGeneration(model: Model): Promise<void> {
  const controller = new AbortController();
  const long = Array.from({ length: 400 }, (_, i) => 300 + 5 * i);
  const { result } = model.generate(long, { signal: controller.signal, ignoreEos: true });
  setTimeout(() => controller.abort(), 5);
  await expect(result).rejects.toMatchObject({ name: 'AbortError' });
}

/** Each layer asks once for every expert of a step: the prompt is one step, each generated token another. */
function requestedExperts({ tokens, layers, k, experts }: RoutingRecord, promptTokens: number): number {
  const ofPrompt = new Set<number>();
  for (let i = 0; i < promptTokens * layers * k; i++) {
    ofPrompt.add((Math.floor(i / k) % layers) * 1e6 + (experts[i] ?? expect.unreachable()));
  }
  return ofPrompt.size + (tokens - promptTokens) * layers * k;
}

describe('a memory budget', () => {
  it('changes no token and no route, from the smallest that works on', async () => {
    const options = { maxTokens: 40, temperature: 0.8, seed: 3, routing: true, ignoreEos: true };
    const expected = await (await load(demoModel)).generate(prompt, options).result;
    for (const cache of [{}, { policy: 'lru', prefetch: 'none' }, { prefetch: 'previous-token' }] as const) {
      for (const more of [4, 12]) {
        const model = await load(demoModel, { ram: await budget(more), cache });
        const result = await model.generate(prompt, options).result;
        expect(result.tokens).toEqual(expected.tokens);
        expect(result.routing).toEqual(expected.routing);
        expect(result.stats.experts.misses).toBeGreaterThan(0);
        expect(result.stats.experts.prefetches > 0).toBe(!('policy' in cache));
      }
    }
  });

  it('is spent as info.memory says, and the experts that do not fit are read when they are needed', async () => {
    const ram = await budget(12);
    const model = await load(demoModel, { ram });
    const { budgetBytes, budgetChosen, expertSlots, experts, allExperts, kvCacheTokens, ...spent } = model.info.memory;
    expect([budgetChosen, allExperts, experts]).toEqual([false, false, 256]);
    expect(kvCacheTokens).toBe(2048);
    expect(budgetBytes).toBe(ram);
    expect(model.plan()).toEqual(model.info.memory);
    expect(Object.values(spent).reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(ram);
    expect(expertSlots).toBeGreaterThan(4);
    expect(expertSlots).toBeLessThan(256);

    const { stats } = await model.generate(prompt, { maxTokens: 20, ignoreEos: true }).result;
    const { hits, lateHits, misses, prefetches, hitRate, bytesRead, stallSeconds, slots } = stats.experts;
    expect(slots).toBe(expertSlots);
    expect(misses).toBeGreaterThan(0);
    expect(hitRate).toBe(hits / (hits + lateHits + misses));
    expect(bytesRead).toBeGreaterThanOrEqual((misses + prefetches) * model.info.bytesPerExpert);
    expect(stallSeconds).toBeGreaterThan(0);
    expect(model.stats().experts).toMatchObject({ hits, lateHits, misses, bytesRead, slots, hitRate });
  });

  it('can be planned beforehand', async () => {
    const ram = await budget(12);
    const plan = await planMemory(demoModel, { ram, threads: 2 });
    const { processBytes, expertBytes, expertSlots, ...rest } = (await load(demoModel, { ram })).info.memory;
    expect(plan).toMatchObject(rest);
    // The process may have grown a little between the two.
    expect(Math.abs(plan.expertBytes + plan.processBytes - expertBytes - processBytes)).toBeLessThan(2 ** 20);
    expect(Math.abs(plan.expertSlots - expertSlots)).toBeLessThan(100);
  });

  it('counts each generation by itself, and the model all of them', async () => {
    const model = await load(demoModel, { ram: await budget(8) });
    const run = async () => (await model.generate(prompt, { maxTokens: 5, ignoreEos: true }).result).stats.experts;
    const [first, second] = [await run(), await run()];
    const all = model.stats().experts;
    expect(first.hits + second.hits).toBe(all.hits);
    expect(first.misses + second.misses).toBe(all.misses);
  });

  it('charges no generation for an evaluation or for one that was aborted', async () => {
    const model = await load(demoModel, { ram: await budget(8) });
    const options = { maxTokens: 20, ignoreEos: true, routing: true };
    for (const disturb of [() => model.evaluate(prompt), () => abortedGeneration(model)]) {
      await disturb();
      const before = model.stats();
      const { stats, routing } = await model.generate(prompt, options).result;
      const { hits, lateHits, misses } = stats.experts;
      expect(hits + lateHits + misses).toBe(requestedExperts(routing ?? expect.unreachable(), prompt.length));
      expect(stats.computeSeconds).toBeGreaterThan(0);
      expect(before.experts.hits + before.experts.misses).toBeGreaterThan(0);
      // What was aborted may have counted for a moment longer.
      expect(model.stats().computeSeconds).toBeGreaterThan(before.computeSeconds + stats.computeSeconds - 1e-9);
    }
  });

  it('says what became of the experts of each layer, and how long computing took', async () => {
    const model = await load(demoModel, { ram: await budget(8) });
    const { stats } = await model.generate(prompt, { maxTokens: 5, ignoreEos: true }).result;
    const layers = await model.layerStats();
    expect(layers).toHaveLength(model.info.expertLayers);
    for (const name of ['hits', 'lateHits', 'misses', 'prefetches', 'bytesRead'] as const) {
      expect(layers.reduce((sum, layer) => sum + layer[name], 0)).toBe(stats.experts[name]);
    }
    for (const { hits, lateHits, misses, hitRate } of layers) {
      expect(hitRate).toBeCloseTo(hits / (hits + lateHits + misses));
    }
    expect(stats.computeSeconds).toBeGreaterThan(0);
    expect(stats.experts.predictionSeconds).toBeGreaterThan(0);
    expect(stats.experts.predictionSeconds).toBeLessThan(stats.computeSeconds);
    expect(model.stats().computeSeconds).toBeCloseTo(stats.computeSeconds);
  });

  it('that holds everything leaves all experts in memory', async () => {
    const model = await load(demoModel, { ram: '64GiB' });
    const { stats } = await model.generate(prompt, { maxTokens: 3 }).result;
    expect(await model.layerStats()).toEqual([]);
    expect(stats.experts).toMatchObject({
      policy: 'resident',
      prefetch: 'none',
      slots: 256,
      misses: 0,
      bytesRead: 0,
      hitRate: 1,
    });
  });

  it('that is too small is an error with the smallest that works and its parts', async () => {
    await expect(loadModel(demoModel, { ram: '1MiB' })).rejects.toThrow(
      /^a memory budget of 1 MiB is too small: at least \d+ MiB are needed \(\d+ MiB the process has already, \d+ MiB weights outside the experts, \d+ MiB key\/value cache of 2048 tokens, \d+ MiB activations, \d+ MiB the 4 experts/,
    );
  });

  it.each([['6 GiBs'], ['-1GiB'], [''], [0], [1.5], [Number.NaN], [true]])('of %j is refused', async (ram) => {
    await expect(loadModel(demoModel, { ram: ram as number })).rejects.toThrow(
      /ram must be a number of bytes, or a size such as "6GiB"/,
    );
  });

  it('goes with a known policy and a known way of prefetching only', async () => {
    await expect(loadModel(demoModel, { cache: { prefetch: 'all' as 'none' } })).rejects.toThrow(
      /prefetch must be one of auto, gate-ahead, previous-token, route-path, blend, none, is "all"/,
    );
    await expect(loadModel(demoModel, { cache: { policy: 'fifo' as 'lru' } })).rejects.toThrow(
      /policy must be one of plec, lfu, lru, lfru, least-stale, s3-fifo, static, is "fifo"/,
    );
  });
});

describe('an emulated device', () => {
  const options = { maxTokens: 30, temperature: 0.8, seed: 3, routing: true, ignoreEos: true };

  it('changes no token and no route, above all experts in memory or above some', async () => {
    const expected = await (await load(demoModel)).generate(prompt, options).result;
    const device = { device: 'emulated', vram: '2MiB', batchTokens: 64 } as const;
    for (const more of [undefined, 4]) {
      const ram = more === undefined ? undefined : await budget(more, { ...device });
      const model = await load(demoModel, { ...device, ram });
      const { tokens, routing, stats } = await model.generate(prompt, options).result;
      expect({ tokens, routing }).toEqual({ tokens: expected.tokens, routing: expected.routing });
      expect(stats.device).toMatchObject({ slots: 20, budgetBytes: 2 * 2 ** 20 });
      const { hits, lateHits, misses, hitRate } = stats.device ?? expect.unreachable();
      expect(hitRate).toBe(hits / (hits + lateHits + misses));
      expect(misses).toBeGreaterThan(0);
      expect(stats.experts.policy).toBe(more === undefined ? 'resident' : 'plec');
      expect(stats.experts.bytesRead > 0).toBe(more !== undefined);
      expect(model.info.memory.deviceBytes).toBe(2 * 2 ** 20);
    }
  });

  it('copies no faster than it is allowed to', async () => {
    const model = await load(demoModel, { device: 'emulated', vram: '2MiB', deviceBytesPerSecond: 200e6 });
    const started = performance.now();
    const { stats } = await model.generate(prompt, { maxTokens: 5, ignoreEos: true }).result;
    const seconds = (performance.now() - started) / 1000;
    // What was copied in the first step may have been on its way when the last one ended.
    expect(seconds).toBeGreaterThan(((stats.device?.bytesRead ?? 0) - 2 ** 21) / 200e6);
    expect(stats.device?.stallSeconds).toBeGreaterThan(0);
  });

  it('needs a name that is known and memory', async () => {
    await expect(loadModel(demoModel, { device: 'cuda' as 'none' })).rejects.toThrow(
      /device must be one of none, emul/,
    );
    await expect(loadModel(demoModel, { device: 'emulated' })).rejects.toThrow('a device needs memory: give vram');
    await expect(loadModel(demoModel, { device: 'emulated', vram: 1000 })).rejects.toThrow(/1000 bytes are too few/);
    await expect(loadModel(demoModel, { device: 'emulated', vram: 'much' })).rejects.toThrow(/vram must be a number/);
  });
});
