import { spawnSync } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';

const dropCaches = '/proc/sys/vm/drop_caches';

/** How the file is taken out of the page cache before each run. Without that a run would read what another one left. */
export interface PageCache {
  /** What is to be said about it once; empty when all is as it should be. */
  note: string;
  forget(file: string): void;
}

/**
 * All caches, as root. Others can still ask for one file to be forgotten, which the kernel does unless somebody maps it.
 *
 * @throws Error saying what to do when neither is possible
 */
export function pageCache(): PageCache {
  try {
    accessSync(dropCaches, constants.W_OK);
    return { note: '', forget: () => writeFileSync(dropCaches, '3') };
  } catch {
    forgetOne('/dev/null');
    return {
      note: `${dropCaches} cannot be written (that takes root): only the model file is dropped from the page cache, by dd`,
      forget: forgetOne,
    };
  }
}

function forgetOne(file: string): void {
  const dd = spawnSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0'], { encoding: 'utf8' });
  if (dd.status !== 0)
    throw new Error(
      `the page cache cannot be dropped: run as root (dd iflag=nocache: ${dd.error?.message ?? dd.stderr})`,
    );
}
