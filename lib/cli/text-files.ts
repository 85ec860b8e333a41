/** Files that the user names by themselves or by their folders. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from './failure.js';

/**
 * The file, or the files of a folder in the order of their names; hidden ones are left out.
 *
 * @throws UsageError for a folder without files
 */
export async function filesOf(path: string, { recursive = false } = {}): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true, recursive });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name));
  if (files.length === 0) throw new UsageError(`${path} has no files`);
  return files.sort();
}

/** The text of a file; undefined if it is none. */
export async function textOf(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
