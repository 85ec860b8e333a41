/** What was measured before, by device, in a file. Nothing here fails: what cannot be read is measured again. */

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ChosenReads } from './choose-reads.js';

/** Numbers of devices may change whenever a machine starts. */
const mostDevices = 32;

/** What is known of a device, undefined if that is nothing. */
export async function knownReads(file: string, device: string): Promise<ChosenReads | undefined> {
  return (await readAll(file)).get(device);
}

/** Adds a device, or what is new about it. */
export async function rememberReads(file: string, device: string, reads: ChosenReads): Promise<void> {
  const all = await readAll(file);
  all.delete(device); // so that it comes last
  all.set(device, reads);
  const devices = Object.fromEntries([...all].slice(-mostDevices));
  // Under a name of its own first: who reads meanwhile sees the old file or the new one.
  const draft = `${file}.${randomUUID()}`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(draft, `${JSON.stringify({ version: 1, devices }, undefined, 2)}\n`);
    await rename(draft, file);
  } catch {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

async function readAll(file: string): Promise<Map<string, ChosenReads>> {
  try {
    const { version, devices } = JSON.parse(await readFile(file, 'utf8'));
    if (version !== 1) return new Map();
    const entries = Object.entries(devices) as [string, unknown][];
    return new Map(entries.filter((entry): entry is [string, ChosenReads] => isSound(entry[1])));
  } catch {
    return new Map();
  }
}

function isSound(value: unknown): boolean {
  const { readBytes, readDepth, bytesPerSecond } = (value ?? {}) as Record<string, unknown>;
  const isWithin = (n: unknown, most: number) => Number.isInteger(n) && (n as number) > 0 && (n as number) <= most;
  return (
    isWithin(readBytes, 64 * 2 ** 20) &&
    (readBytes as number) % 4096 === 0 &&
    isWithin(readDepth, 256) &&
    typeof bytesPerSecond === 'number'
  );
}
