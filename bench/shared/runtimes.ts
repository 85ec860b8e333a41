import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Compiled code runs in build/tools/bench/shared; workers stay where their node_modules are. */
export const repository = fileURLToPath(new URL('../../../../', import.meta.url));

/**
 * @throws Error saying what to build or install, before any time is spent.
 */
export function requireRuntime(runtime: 'moeflow' | 'llama'): void {
  const needed = {
    moeflow: [join(repository, 'dist/lib/index.js'), 'run `npm run build` first'],
    llama: [join(repository, 'bench/peers/node_modules/node-llama-cpp'), 'run `npm ci` in bench/peers first'],
  } as const;
  const [path, advice] = needed[runtime];
  if (!existsSync(path)) throw new Error(`${path} does not exist: ${advice}`);
}
