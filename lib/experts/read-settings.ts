/** How much one read asks for, and how many reads are under way: as measured for the device that the model lies on. */

import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../cache-directory.js';
import type { NativeAddon } from '../native/addon.js';
import type { NativeLoadOptions } from '../native/model.js';
import type { NativeCancelFlag } from '../native/step.js';
import { chooseReads, type ReadSettings } from './choose-reads.js';
import { knownReads, rememberReads } from './known-reads.js';

/** Files below this many bytes say little about a device, and are read in no time anyway. */
const smallest = 256 * 2 ** 20;

/**
 * The settings for a load with these options: known from an earlier load from the same device, or measured now (about
 * half a second), if not all experts fit in memory. Undefined when there is nothing to set, or it cannot be told: what
 * is wrong with the model is for the load to say, and nothing depends on the settings but speed.
 */
export async function readSettings(
  addon: NativeAddon,
  options: NativeLoadOptions,
  cancel: NativeCancelFlag,
): Promise<ReadSettings | undefined> {
  try {
    const file = await fileToMeasure(options.paths);
    if (file.bytes < smallest) return undefined;
    const readMethod = options.readMethod === 'auto' ? addon.availableReadMethods.split(', ')[0] : options.readMethod;
    const device = `${await deviceOf(file.path)} ${readMethod}`;
    const store = join(cacheDirectory(), 'reads.json');
    const known = await knownReads(store, device);
    if (known || (await addon.plan(options)).allExperts) return known;
    const chosen = await chooseReads(async ({ readBytes, readDepth }, seconds) => {
      const speed = await addon.measureReads({ path: file.path, readMethod, readBytes, readDepth, seconds }, cancel);
      return speed.bytesPerSecond;
    });
    await rememberReads(store, device, chosen);
    return chosen;
  } catch {
    return undefined;
  }
}

/** The largest file of a model; of a directory, the largest of its GGUF files. */
async function fileToMeasure(paths: string[]): Promise<{ path: string; bytes: number }> {
  const candidates: { path: string; bytes: number }[] = [];
  for (const path of paths) {
    const found = await stat(path);
    const names = found.isDirectory() ? (await readdir(path)).filter((name) => /\.gguf$/i.test(name)) : [];
    const files = found.isDirectory() ? names.map((name) => join(path, name)) : [path];
    for (const file of files) candidates.push({ path: file, bytes: (await stat(file)).size });
  }
  return candidates.reduce((largest, file) => (file.bytes > largest.bytes ? file : largest));
}

/** Its number can be given to another device later; with kind and size of the file system that hardly goes unnoticed. */
async function deviceOf(path: string): Promise<string> {
  const [{ dev }, system] = await Promise.all([stat(path), statfs(path)]);
  return `${dev} ${system.type.toString(16)} ${system.blocks * system.bsize}`;
}
