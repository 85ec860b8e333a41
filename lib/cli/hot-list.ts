/** A list of hot experts from a file. */

import { readFile } from 'node:fs/promises';
import { UsageError } from './failure.js';

/** [[layer, expert], ...]; what is in it is checked by whoever takes it. */
export async function readHotList(path: string | undefined): Promise<[number, number][] | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8');
  try {
    return JSON.parse(text) as [number, number][];
  } catch (error) {
    throw new UsageError(`--hot ${path}: not JSON (${(error as Error).message})`);
  }
}
