/** What the user sees of an error: one line on stderr, and an exit code. */

import { CommanderError, type OutputConfiguration } from 'commander';

const exitCodes = { failure: 1, usage: 2 };

/** The command line is wrong. */
export class UsageError extends Error {}

/** The work was ended from outside; there is nothing to say about it. */
export class Interrupted extends Error {
  constructor(readonly exitCode: number) {
    super('interrupted');
  }
}

/** Commander's own errors in our form. */
export const usageOutput: OutputConfiguration = {
  outputError: (message, write) => write(`moeflow: ${oneLine(message.replace(/^error: /, ''))}\n`),
};

/** Sets the exit code instead of exiting, so that what is still being written gets out; nobody waits for it after Ctrl-C. */
export function reportFailure(error: unknown): void {
  if (error instanceof Interrupted) process.exit(error.exitCode);
  if (error instanceof CommanderError) {
    // Commander has printed it. Help that was asked for ends with 0; all else is about usage.
    process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
  } else if (isClosedPipe(error)) {
    process.exitCode = 0;
  } else {
    process.exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failure;
    process.stderr.write(`moeflow: ${oneLine(error instanceof Error ? error.message : String(error))}\n`);
  }
}

/** Whoever read our output has seen enough, as in `moeflow generate ... | head`. */
function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'EPIPE';
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}
