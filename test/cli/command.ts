/** Runs the real command, as a shell would. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { demoModel, packageRoot } from '../support/fixtures.js';

export const demo = ['--model', demoModel];

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
  errors: string;
}

export interface RunningCommand {
  process: ChildProcessWithoutNullStreams;
  /** Resolves with the first that it writes to standard output. */
  firstOutput: Promise<string>;
  /** Resolves when it has ended and all it wrote has come. */
  ended: Promise<Ended>;
}

/** Standard input stays open until the caller ends it. Killed after `seconds`, which then shows in `signal`. */
export function start(commandArguments: string[], environment: NodeJS.ProcessEnv = {}, seconds = 20): RunningCommand {
  const command = join(packageRoot, 'dist/lib/cli/main.js');
  const { MOEFLOW_MODEL: _, MOEFLOW_CPU: __, ...inherited } = process.env;
  const child = spawn(process.execPath, [command, ...commandArguments], {
    cwd: packageRoot,
    env: { ...inherited, ...environment },
  });
  child.stdin.on('error', () => {}); // it may end without reading
  const ended: Ended = { code: null, signal: null, output: '', errors: '' };
  child.stderr.setEncoding('utf8').on('data', (text) => {
    ended.errors += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text) => {
    ended.output += text;
  });
  const deadline = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  return {
    process: child,
    firstOutput: new Promise((resolve) => child.stdout.once('data', resolve)),
    ended: new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(deadline);
        resolve({ ...ended, code, signal });
      });
    }),
  };
}

/** Runs it to its end with `input` on standard input. */
export function moeflow(commandArguments: string[], input = '', environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const running = start(commandArguments, environment);
  running.process.stdin.end(input);
  return running.ended;
}

/**
 * Runs it and interrupts it after so many milliseconds. On a busy machine that can be before it listens; then it is given more time.
 *
 * @returns also the milliseconds that it took to end
 */
export async function interrupt(commandArguments: string[], milliseconds: number): Promise<Ended & { took: number }> {
  const running = start(commandArguments);
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const sent = performance.now();
  running.process.kill('SIGINT');
  const ended = await running.ended;
  if (ended.signal === 'SIGINT' && milliseconds < 8000) return interrupt(commandArguments, 2 * milliseconds);
  return { ...ended, took: performance.now() - sent };
}
