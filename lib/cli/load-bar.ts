/** The bar that shows on a terminal while a model loads. */

import { Presets, SingleBar } from 'cli-progress';
import type { LoadProgress } from '../index.js';
import { formatBytes } from '../report/format.js';

export interface LoadBar {
  update(progress: LoadProgress): void;
  /** Takes the bar off the screen. */
  stop(): void;
}

/** On stderr, and only if that is a terminal. */
export function createLoadBar(): LoadBar {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar(
    {
      stream: process.stderr,
      format: 'loading [{bar}] {percentage} %  {loaded} of {size}',
      clearOnComplete: true,
      hideCursor: true,
      // Signals have one owner: interruption.ts.
      gracefulExit: false,
    },
    Presets.legacy,
  );
  let started = false;
  return {
    update({ loadedBytes, totalBytes }) {
      const payload = { loaded: formatBytes(loadedBytes), size: formatBytes(totalBytes) };
      if (!started) bar.start(totalBytes, loadedBytes, payload);
      else bar.update(loadedBytes, payload);
      started = true;
    },
    stop() {
      if (started) bar.stop();
    },
  };
}
