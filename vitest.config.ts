import { defineConfig } from 'vitest/config';

/** Tests that take long, of what seldom changes: npm run test:long. */
const long = ['test/**/*.long.test.ts'];

export default defineConfig(({ mode }) => ({
  test: {
    include: mode === 'long' ? long : ['test/**/*.test.ts'],
    exclude: mode === 'long' ? [] : long,
    // A process per file: native code is loaded afresh, and resident memory is that of the file's own models.
    pool: 'forks',
    // By default one processor is left alone, which is half of two.
    maxWorkers: '100%',
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
}));
