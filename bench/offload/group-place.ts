import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a control group that limits memory can be made, and which kind of control groups the machine has there. */
export interface GroupPlace {
  version: 1 | 2;
  /** The group around it. */
  parent: string;
}

const advice =
  'run as root; or, with systemd, start the benchmark by `systemd-run --user --scope -p Delegate=yes -- npm run bench:offload -- …`';

/**
 * Below this process's own group, so that limits around it stay in force. Version 2 gives memory limits only to groups whose
 * parent passes the controller on, and a parent with processes in it cannot; so the nearest one around that does is taken.
 *
 * @param root the root directory; tests give another
 * @throws Error saying what is missing and what to do about it.
 */
export function groupPlace(root = '/'): GroupPlace {
  const own = join(root, 'proc/self/cgroup');
  if (!existsSync(own)) throw new Error('control groups are needed to limit memory: this benchmark runs on Linux only');
  // Lines of "number:controllers:path"; version 2 has no controllers.
  const lines = readFileSync(own, 'utf8')
    .split('\n')
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
    .filter((match) => match !== null);
  const mount = join(root, 'sys/fs/cgroup');

  const first = lines.find(([, controllers]) => controllers?.split(',').includes('memory'));
  if (first) {
    const around = groupsAround(join(mount, 'memory'), first[2] as string);
    const parent = around.find((group) => existsSync(join(group, 'memory.limit_in_bytes')));
    if (parent) return { version: 1, parent };
  }
  const second = lines.find(([, controllers]) => controllers === '');
  if (second) {
    const around = groupsAround(mount, second[2] as string);
    const parent = around.find((group) => words(join(group, 'cgroup.subtree_control')).includes('memory'));
    if (parent) return { version: 2, parent };
  }
  throw new Error(`no control group whose memory can be limited was found below ${mount}: ${advice}`);
}

export function cannotWrite(parent: string, cause: unknown): Error {
  return new Error(`${parent}: no control group can be made here (${(cause as Error).message}): ${advice}`, { cause });
}

/** The group at `path`, then those around it. In a container the path may be that of the host: then only the mount exists. */
function groupsAround(mount: string, path: string): string[] {
  const parts = path.split('/').filter(Boolean);
  return [...parts.keys()].map((index) => join(mount, ...parts.slice(0, parts.length - index))).concat(mount);
}

function words(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split(/\s+/) : [];
}
