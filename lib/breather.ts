/** Long computations that stay polite. */

import { setImmediate } from 'node:timers/promises';

/**
 * To be awaited often: lets events in (a signal's, for one) about fifty times a second.
 *
 * @throws the signal's reason when it is aborted
 */
export function breather(signal: AbortSignal | undefined): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < 20) return;
    await setImmediate();
    signal?.throwIfAborted();
    last = performance.now();
  };
}
