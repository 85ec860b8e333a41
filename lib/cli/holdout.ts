/** `--holdout`: which sequences are kept for testing. */

import { InvalidArgumentError } from 'commander';
import type { Holdout } from '../trace/holdout.js';

export function holdout(text: string): Holdout {
  if (text === 'even-odd' || text === 'none') return text;
  const share = /^0?\.\d+$/.test(text) ? Number(text) : 0;
  if (share > 0 && share < 1) return share;
  throw new InvalidArgumentError('It must be even-odd, none, or a share such as 0.2.');
}
