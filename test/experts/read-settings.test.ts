import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readSettings } from '../../lib/experts/read-settings.js';
import type { NativeAddon } from '../../lib/native/addon.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const cancel = { cancel: () => undefined };

/** An empty file of 1 GiB that takes no place, caches of its own, and an addon that only counts. */
function setUp({ allExperts = false, bytes = 2 ** 30 } = {}) {
  const directory = temporaryDirectory();
  const path = join(directory, 'model.gguf');
  writeFileSync(path, '');
  truncateSync(path, bytes);
  vi.stubEnv('MOEFLOW_CACHE_DIR', join(directory, 'cache'));
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const addon = {
    availableReadMethods: 'io_uring, threads',
    plan: vi.fn(async () => ({ allExperts })),
    measureReads: vi.fn(async () => ({ bytesPerSecond: 1e9, method: 'io_uring' })),
  };
  const settings = (paths = [path], readMethod = 'auto') =>
    readSettings(addon as unknown as NativeAddon, { paths, readMethod }, cancel);
  return { directory, path, addon, settings };
}

describe('the settings of reads', () => {
  it('are measured once for a device and a method, and then known', async () => {
    const { directory, path, addon, settings } = setUp();
    const measured = await settings();
    expect(measured).toMatchObject({ bytesPerSecond: 1e9 });
    expect(addon.measureReads).toHaveBeenCalledWith(
      { path, readMethod: 'io_uring', readBytes: 256 * 1024, readDepth: 4, seconds: expect.any(Number) },
      cancel,
    );
    const calls = addon.measureReads.mock.calls.length;
    expect(await settings()).toEqual(measured);
    expect(await settings([path], 'io_uring')).toEqual(measured);
    expect(addon.measureReads).toHaveBeenCalledTimes(calls);
    await settings([path], 'threads');
    expect(addon.measureReads.mock.calls.length).toBeGreaterThan(calls);
    const { devices } = JSON.parse(readFileSync(join(directory, 'cache/reads.json'), 'utf8'));
    expect(Object.keys(devices)).toHaveLength(2);
  });

  it('are not measured when all experts are in memory, nor with a small file', async () => {
    for (const options of [{ allExperts: true }, { bytes: 2 ** 20 }]) {
      const { addon, settings } = setUp(options);
      expect(await settings()).toBeUndefined();
      expect(addon.measureReads).not.toHaveBeenCalled();
    }
  });

  it('are measured with the largest file of a directory, also behind a link', async () => {
    const { directory, path, addon, settings } = setUp();
    const models = join(directory, 'models');
    mkdirSync(models);
    writeFileSync(join(models, 'a.gguf'), 'small');
    symlinkSync(path, join(models, 'b.GGUF'));
    await settings([models]);
    expect(addon.measureReads).toHaveBeenCalledWith(
      expect.objectContaining({ path: join(models, 'b.GGUF') }),
      expect.anything(),
    );
  });

  it('are left alone when anything goes wrong', async () => {
    const { directory, addon, settings } = setUp();
    expect(await settings([join(directory, 'none.gguf')])).toBeUndefined();
    expect(await settings([directory, join(directory, 'none.gguf')])).toBeUndefined();
    addon.measureReads.mockRejectedValueOnce(new Error('the disk is gone'));
    expect(await settings()).toBeUndefined();
    addon.plan.mockRejectedValueOnce(new Error('not a model'));
    expect(await settings()).toBeUndefined();
    expect(await settings()).toBeDefined();
  });
});
