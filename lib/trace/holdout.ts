/** Which sequences something is learned from, and which it is tested on. */

import { InvalidArgumentError } from '../errors.js';

/**
 * `even-odd`: learned from sequences of even number, tested on the others. A share: that part of the sequences, chosen by a
 * hash of their numbers, is for testing. `none`: all tokens are for both, which flatters.
 */
export type Holdout = 'even-odd' | 'none' | number;

export function checkHoldout(value: unknown, name: string): void {
  if (value === 'even-odd' || value === 'none') return;
  if (typeof value === 'number' && value > 0 && value < 1) return;
  throw new InvalidArgumentError(
    `${name} must be "even-odd", "none" or a share between 0 and 1, is ${typeof value === 'number' ? value : JSON.stringify(value)}`,
  );
}

/** Says of a sequence's number whether its tokens are for testing. */
export function isHeldOut(holdout: Holdout): (sequence: number) => boolean {
  if (holdout === 'none') return () => false;
  if (holdout === 'even-odd') return (sequence) => sequence % 2 !== 0;
  return (sequence) => shareOf(sequence) < holdout;
}

/** The number's place in [0, 1): neighbours are far from each other (the finaliser of MurmurHash3). */
function shareOf(sequence: number): number {
  let mixed = sequence | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
}
