// What the kernel says about this process's memory.
import { readFileSync, realpathSync } from 'node:fs';

/**
 * The largest mapping of a file: a program may map its header as well.
 *
 * @param {string} file
 * @returns {{ flags: string[], residentBytes: number, hugeBytes: number } | undefined} flags as "rr" for MADV_RANDOM and
 * "hg" for MADV_HUGEPAGE
 */
export function mappingOf(file) {
  const path = realpathSync(file);
  // An entry begins with "7f12… r--s 00000000 fe:00 1234   /path"; its lines begin with a name and a colon.
  const entries = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const mappings = entries
    .filter((entry) => entry.slice(0, entry.indexOf('\n')).endsWith(` ${path}`))
    .map((entry) => ({
      size: kilobytes(entry, 'Size'),
      flags: /^VmFlags: (.*)$/m.exec(entry)?.[1].trim().split(' ') ?? [],
      residentBytes: kilobytes(entry, 'Rss') * 1024,
      hugeBytes: kilobytes(entry, 'FilePmdMapped') * 1024,
    }));
  return mappings.sort((left, right) => right.size - left.size)[0];
}

/** Memory that no file stands behind, in bytes. */
export function anonymousBytes() {
  return kilobytes(readFileSync('/proc/self/status', 'utf8'), 'RssAnon') * 1024;
}

function kilobytes(entry, name) {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(entry)?.[1] ?? 0);
}
