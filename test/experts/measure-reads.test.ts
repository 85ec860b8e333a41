import { describe, expect, it } from 'vitest';
import { nativeAddon } from '../../lib/native/addon.js';
import { demoModel } from '../support/fixtures.js';

const measure = (options: object, ...more: object[]) =>
  nativeAddon().measureReads({ path: demoModel, seconds: 0.01, ...options }, ...(more as []));

describe('measuring reads', () => {
  it('gives a speed by every method that works here', async () => {
    const methods = nativeAddon().availableReadMethods.split(', ');
    expect(methods).toContain('threads');
    for (const readMethod of methods) {
      const { bytesPerSecond, method } = await measure({ readMethod, readBytes: 65536, readDepth: 4 });
      expect(bytesPerSecond).toBeGreaterThan(0);
      expect(method).toBe(readMethod);
    }
    expect((await measure({})).method).toBe(methods[0]);
  });

  it.each([
    [{ readMethod: 'aio' }, /auto, io_uring or threads, is aio/],
    [{ readBytes: 100 }, /readBytes must be an integer from 4096/],
    [{ readDepth: 0 }, /readDepth must be an integer from 1/],
    [{ seconds: 2 }, /seconds must be .* from 0 to 1/],
    [{ path: 7 }, /path must be a string/],
  ])('refuses %j', (options, message) => {
    expect(() => measure(options)).toThrow(message);
  });

  it('fails with a typed error for what only the file tells, or when it is cancelled', async () => {
    await expect(measure({ readBytes: 5000 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(measure({ path: '/nowhere/model.gguf' })).rejects.toMatchObject({ code: 'IO' });
    const flag = new (nativeAddon().CancelFlag)();
    flag.cancel();
    await expect(measure({ seconds: 1 }, flag)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
