import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process per file: native code is loaded afresh, and resident memory is that of the file's own models.
    pool: 'forks',
    // By default one processor is left alone, which is half of two.
    maxWorkers: '100%',
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
