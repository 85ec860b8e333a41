import { describe, expect, it } from 'vitest';
import { nativeAddon } from '../../lib/native/addon.js';

const { CacheSimulator } = nativeAddon();
const shape = { layers: 1, experts: 4, expertsUsed: 1, order: 'engine' } as const;
const cache = { policy: 'lru', slots: Int32Array.of(2) };

describe('the native simulator', () => {
  it('does one thing after another, and nothing after its end', async () => {
    const simulator = new CacheSimulator({ ...shape, caches: [cache] });
    // So much that it takes a while.
    const first = simulator.push({ routes: new Int32Array(4_000_000) });
    expect(() => simulator.push({ routes: Int32Array.of(0) })).toThrow("wait for the simulator's last promise first");
    await first;
    const [counts] = await simulator.finish();
    expect([...(counts?.decode.hits ?? [])]).toEqual([3_999_999]);
    expect(() => simulator.emptyCaches()).toThrow('this simulation has been finished');
  });

  it('goes on after steps that it refused', async () => {
    const simulator = new CacheSimulator({ ...shape, caches: [cache] });
    await simulator.push({ routes: Int32Array.of(0, 1) });
    await expect(simulator.push({ routes: Int32Array.of(2, 5) })).rejects.toThrow('token 3, layer 0: expert 5 of 4');
    await simulator.push({ routes: Int32Array.of(1) });
    expect((await simulator.finish())[0]?.decode.tokens).toBe(3);
  });

  it.each([
    [{ layers: 0 }, 'layers must be an integer from 1'],
    [{ order: 'any' }, 'order must be engine, residents-first, strict or recorded'],
    [{ caches: [{ ...cache, policy: 'fifo' }] }, 'there is no policy fifo'],
    [{ caches: [{ ...cache, slots: Int32Array.of(0) }] }, '0 slots are too few'],
    [{ caches: [{ ...cache, slots: Int32Array.of(2 ** 25) }] }, 'a cache may have up to 16777216 slots'],
    [{ caches: [null] }, 'caches[0] must be an object'],
    [{ expertBytes: new Float64Array(2) }, 'expertBytes must be a Float64Array with one size per layer'],
    [{ prediction: { recall: 2 } }, 'recall must be a number from 0 to 1'],
    [{ prediction: 5 }, 'prediction must be an object'],
    [{ cost: 5 }, 'cost must be an object'],
    [{ cost: { bytesPerSecond: 0 } }, 'bytesPerSecond must be a number from 1'],
  ])('refuses %j', (wrong, message) => {
    expect(() => new CacheSimulator({ ...shape, caches: [cache], ...(wrong as object) })).toThrow(message);
  });
});
