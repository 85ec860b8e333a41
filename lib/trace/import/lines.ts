/** Text files line by line, with the numbers that errors name. */

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { InvalidFileError, MoeflowError } from '../../errors.js';

export interface Line {
  text: string;
  /** "routes.csv:17" */
  where: string;
}

/** Lines that are not empty. @throws MoeflowError `IO` */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  const stream = createReadStream(path, 'utf8');
  let number = 0;
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      const line = number === 1 ? text.replace(/^\uFEFF/, '') : text;
      if (line !== '') yield { text: line, where: `${path}:${number}` };
    }
  } catch (error) {
    throw cannotRead(path, error);
  } finally {
    stream.destroy();
  }
}

/** @throws InvalidFileError naming the line */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidFileError(`${where}: not JSON (${(cause as Error).message}); was the file cut off?`, { cause });
  }
}

/** @throws InvalidFileError naming a value that is no integer of at least 1 */
export function checkCounts(counts: Record<string, unknown>, where: string): void {
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isInteger(value) || (value as number) < 1) throw new InvalidFileError(`${where}: ${name} is ${value}`);
  }
}

/** The first bytes of a file. @throws MoeflowError `IO` */
export async function headOf(path: string, bytes = 65536): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw cannotRead(path, error);
  }
}

export function cannotRead(path: string, error: unknown): unknown {
  if (error instanceof MoeflowError) return error;
  return new MoeflowError('IO', `cannot read ${path}: ${(error as Error).message}`, { cause: error });
}
