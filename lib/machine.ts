/** What this machine can do. */

import { nativeAddon } from './native/addon.js';
import { check } from './options.js';

/** Names of the kernel sets that this machine can run, fastest first. */
export function availableKernels(): string[] {
  return nativeAddon().availableKernels.split(', ');
}

/** Bytes per second that `threads` threads read together from memory; takes a second or two and 2 GiB. */
export async function measureReadBandwidth(threads?: number): Promise<number> {
  if (threads !== undefined) check.integer(1, 256)(threads, 'threads');
  return nativeAddon().measureReadBandwidth({ threads });
}
