// One step of a build: quiet when it works, with all its output when it does not.
import { spawnSync } from 'node:child_process';

/** A step failed, or something that it needs is missing; the message is for the user. */
export class StepError extends Error {}

/** Runs a program to its end. */
export function runStep(what, program, programArguments, { directory } = {}) {
  const ran = spawnSync(program, programArguments, {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (ran.error) throw new StepError(`${what}: ${program} cannot be run: ${ran.error.message}`);
  if (ran.status === 0) return ran.stdout;
  process.stdout.write(ran.stdout);
  process.stderr.write(ran.stderr);
  const ending = ran.signal ? `was ended by ${ran.signal}` : `failed with exit code ${ran.status}`;
  throw new StepError(`${what} ${ending}: ${[program, ...programArguments].join(' ')}`);
}

/** Runs the main function of a script; an error that is for the user becomes one line. */
export async function runScript(name, main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error(`${name}: ${error.message}`);
    process.exitCode = 1;
  }
}
