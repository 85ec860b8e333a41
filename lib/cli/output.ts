/** Writing to stdout. */

/**
 * Resolves when the system has taken the text: a slow reader slows the writer, and one that went away is an error here
 * (EPIPE), not somewhere later. Aborting ends the wait for a reader that stands still.
 */
export function print(text: string | Uint8Array, signal?: AbortSignal): Promise<void> {
  if (text.length === 0) return Promise.resolve();
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    process.stdout.write(text, (error) => {
      signal?.removeEventListener('abort', abort);
      if (error) reject(describe(error));
      else resolve();
    });
  });
}

function describe(error: Error): Error {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') return error;
  return new Error(`standard output cannot be written: ${error.message}`, { cause: error });
}
