/** The version of this package. */

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageRoot } from './package-root.js';

export function version(): string {
  return (createRequire(import.meta.url)(join(packageRoot(), 'package.json')) as { version: string }).version;
}
