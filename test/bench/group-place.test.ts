import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { groupPlace } from '../../bench/offload/group-place.js';

describe('where a control group is made', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'moeflow-groups-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const files = (contents: Record<string, string>) => {
    for (const [path, text] of Object.entries(contents)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
  };

  it('is below the own group in version 1, also beside version 2', () => {
    files({
      'proc/self/cgroup': '9:cpu,cpuacct:/x\n4:memory:/jobs/a:b\n0::/\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '',
      'sys/fs/cgroup/memory/jobs/a:b/memory.limit_in_bytes': '',
    });
    expect(groupPlace(root)).toEqual({ version: 1, parent: join(root, 'sys/fs/cgroup/memory/jobs/a:b') });
  });

  it('is the mount where a container shows the path of the host', () => {
    files({
      'proc/self/cgroup': '4:memory:/docker/1234\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '',
    });
    expect(groupPlace(root)).toEqual({ version: 1, parent: join(root, 'sys/fs/cgroup/memory') });
  });

  it('is below the nearest group that passes the memory controller on in version 2', () => {
    files({
      'proc/self/cgroup': '0::/user.slice/session.scope\n',
      'sys/fs/cgroup/cgroup.subtree_control': 'cpu memory pids\n',
      'sys/fs/cgroup/user.slice/cgroup.subtree_control': 'memory pids\n',
      'sys/fs/cgroup/user.slice/session.scope/cgroup.subtree_control': '\n',
    });
    expect(groupPlace(root)).toEqual({ version: 2, parent: join(root, 'sys/fs/cgroup/user.slice') });
  });

  it('is nowhere when no group passes it on', () => {
    files({ 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cgroup.subtree_control': 'cpu hugetlb\n' });
    expect(() => groupPlace(root)).toThrow(/no control group whose memory can be limited .*run as root/);
  });

  it('is nowhere on other systems', () => expect(() => groupPlace(root)).toThrow('Linux only'));
});
