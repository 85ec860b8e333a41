/** Ctrl-C and SIGTERM as one AbortSignal. */

import { constants } from 'node:os';
import { Interrupted } from './failure.js';

/**
 * Runs `work` with a signal that the first Ctrl-C or SIGTERM aborts, so that it can end in order. A second one ends the
 * process at once. Exit codes are those of a shell: 128 and the number of the signal.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = (name: NodeJS.Signals) => {
    const exitCode = 128 + constants.signals[name];
    if (controller.signal.aborted) process.exit(exitCode);
    controller.abort(new Interrupted(exitCode));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
