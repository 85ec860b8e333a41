import { describe, expect, it } from 'vitest';
import { parseSize } from '../lib/sizes.js';

describe('sizes', () => {
  it.each([
    ['4096', 4096],
    ['6GiB', 6 * 2 ** 30],
    ['1.5 gb', 1_500_000_000],
    ['512MiB', 2 ** 29],
    ['10b', 10],
  ])('%s are %i bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['', 'GiB', '1.', '1e3', '-1', '0', '0.5', '1 GiB more', '9999999TiB'])('%j is none', (text) =>
    expect(parseSize(text)).toBeUndefined(),
  );
});
