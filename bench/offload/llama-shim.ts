import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../shared/runtimes.js';
import type { RuntimeName } from './runtimes.js';

const source = join(repository, 'bench/offload/llama-shim.c');
const library = join(repository, 'build/tools/bench/offload/llama-shim.so');

/**
 * Compiles the library that makes node-llama-cpp fit for a memory limit.
 *
 * @throws Error with what the compiler said, or that there is none
 */
export function compileShim(): void {
  mkdirSync(join(library, '..'), { recursive: true });
  const options = ['-O2', '-Wall', '-shared', '-fPIC', '-o', library, source, '-ldl'];
  const made = spawnSync('cc', options, { encoding: 'utf8' });
  if (made.status === 0) return;
  throw new Error(
    `bench/offload/llama-shim.c does not compile: ${made.error ? 'install a C compiler that is called cc' : made.stderr}\n` +
      'or leave llama.cpp out: --only moeflow,resident',
  );
}

/** What a run of llama.cpp finds in its environment; nothing for it as it comes. */
export function shimEnvironment(runtime: RuntimeName, file: string): NodeJS.ProcessEnv {
  if (runtime === 'llama') return { LD_PRELOAD: library };
  if (runtime === 'llama-tuned') return { LD_PRELOAD: library, MOEFLOW_BENCH_MODEL: file };
  return {};
}
