/** Once before all tests: unpacks the fixtures, and compiles lib/ for the tests that start processes and workers. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { packageRoot, unpackFixtures } from './fixtures.js';

export default function setUp(): void {
  unpackFixtures();
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  const compiled = spawnSync(process.execPath, [join(typescript, 'bin/tsc'), '-p', packageRoot], { encoding: 'utf8' });
  // Type errors are another check's business; what matters here is that there is something to run.
  if (!existsSync(join(packageRoot, 'dist/lib/index.js'))) throw new Error(`lib/ does not compile: ${compiled.stdout}`);
}
