/** Files that are read and written in one piece. */

import { readFile, rename, writeFile } from 'node:fs/promises';
import { MoeflowError } from '../../lib/errors.js';
import { cannotRead } from '../../lib/trace/import/lines.js';

/** Whole or not at all, and the one before stays until then. @throws MoeflowError `IO` */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(`${path}.part`, bytes);
    await rename(`${path}.part`, path);
  } catch (error) {
    throw new MoeflowError('IO', `cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws MoeflowError `IO` */
export async function readWhole(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
}
