/** What tells models of one name apart. */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { headOf } from './import/lines.js';

/** SHA-256 over a file's size as decimal digits and its first mebibyte, where its header is: files of gigabytes take no time. */
export async function modelHash(path: string): Promise<string> {
  const { size } = await stat(path);
  return createHash('sha256')
    .update(String(size))
    .update(await headOf(path, 2 ** 20))
    .digest('hex');
}
