// One step of a build: quiet when it works and is quick, with all its output when it fails.
import { spawn } from 'node:child_process';

const slowMs = 2000;

/** A step failed, or something that it needs is missing; the message is for the user. */
export class StepError extends Error {}

/** Runs a program to its end. If that takes a while, it says what it is waiting for. */
export function runStep(what, program, programArguments, { directory } = {}) {
  return new Promise((resolve, reject) => {
    const output = [];
    const child = spawn(program, programArguments, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    const announcement = setTimeout(() => console.error(`${what} ...`), slowMs);
    child.stdout.on('data', (bytes) => output.push(bytes));
    child.stderr.on('data', (bytes) => output.push(bytes));
    child.on('error', (error) => {
      clearTimeout(announcement);
      reject(new StepError(`${what}: ${program} cannot be run: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      clearTimeout(announcement);
      if (code === 0) return resolve();
      process.stderr.write(Buffer.concat(output));
      const ending = signal ? `was ended by ${signal}` : `failed with exit code ${code}`;
      reject(new StepError(`${what} ${ending}: ${[program, ...programArguments].join(' ')}`));
    });
  });
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
