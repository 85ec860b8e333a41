/** Node processes of their own: for what ends a process, and what must not. They use dist/, as users do. */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from './fixtures.js';

/** What a script imports. */
export const packageUrl = pathToFileURL(join(packageRoot, 'dist/lib/index.js')).href;

export interface Ended {
  code: number | null;
  /** A crash of native code shows here, as SIGSEGV or SIGABRT. */
  signal: NodeJS.Signals | null;
  output: string;
  errors: string;
}

/**
 * Runs an ES module given as text, until it ends by itself.
 *
 * @throws Error when it has not ended after `seconds`, with what it wrote until then
 */
export function runScript(source: string, { seconds = 25, nodeOptions = [] as string[] } = {}): Promise<Ended> {
  const script = `import { loadModel, inspectModel, DisposedError } from ${JSON.stringify(packageUrl)};\n${source}`;
  return run([...nodeOptions, '--input-type=module', '--eval', script], seconds);
}

/** Runs node with these arguments in the package's folder. */
export function run(nodeArguments: string[], seconds = 25): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, nodeArguments, { cwd: packageRoot, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended: Ended = { code: null, signal: null, output: '', errors: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => (ended.output += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (ended.errors += text));
    const deadline = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the process did not end in ${seconds} s. It wrote: ${ended.output} ${ended.errors}`));
    }, seconds * 1000);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(deadline);
      resolve({ ...ended, code, signal });
    });
  });
}
