import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cannotWrite, type GroupPlace } from './group-place.js';

/** What each kind of control group calls its files. */
const fileNames = {
  1: {
    limits: ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'],
    peak: 'memory.max_usage_in_bytes',
    events: 'memory.oom_control',
  },
  2: { limits: ['memory.max', 'memory.swap.max'], peak: 'memory.peak', events: 'memory.events' },
} as const;

/**
 * A control group for one run: memory, page cache included, is limited for all processes in it, and swapping gives no more.
 * All calls are synchronous, so that it can be removed while this process ends.
 */
export class ControlGroup {
  /** A process joins by writing its id here. */
  readonly processes: string;

  readonly #path: string;
  readonly #files: (typeof fileNames)[1 | 2];

  private constructor(path: string, version: 1 | 2) {
    this.#path = path;
    this.#files = fileNames[version];
    this.processes = join(path, 'cgroup.procs');
    process.on('exit', this.#removeAtExit);
  }

  /**
   * @param limit bytes; without it, memory is only counted
   * @throws Error saying what to do when the group cannot be made
   */
  static create({ version, parent }: GroupPlace, limit: number | undefined): ControlGroup {
    const path = join(parent, `moeflow-bench-${process.pid}`);
    try {
      mkdirSync(path);
    } catch (error) {
      throw cannotWrite(parent, error);
    }
    const group = new ControlGroup(path, version);
    try {
      if (limit !== undefined) group.#limit(version, limit);
    } catch (error) {
      group.remove();
      throw cannotWrite(parent, error);
    }
    return group;
  }

  /** Most memory the group had at once, page cache included; undefined where the kernel (before 5.19, in version 2) does not say. */
  peakBytes(): number | undefined {
    const text = this.#read(this.#files.peak);
    return text === undefined ? undefined : Number(text);
  }

  /** Whether the limit made the kernel kill a process of the group. */
  killedOne(): boolean {
    return /^oom_kill [1-9]/m.test(this.#read(this.#files.events) ?? '');
  }

  /** Ends what still runs in it, and removes it. */
  remove(): void {
    process.off('exit', this.#removeAtExit);
    const deadline = Date.now() + 10_000;
    for (;;) {
      this.#killAll();
      try {
        rmdirSync(this.#path);
        return;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return;
        // A process that was killed stays in its group until the kernel has taken it apart.
        if (code !== 'EBUSY' || Date.now() > deadline)
          throw new Error(`${this.#path} could not be removed: ${(error as Error).message}`, { cause: error });
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      }
    }
  }

  readonly #removeAtExit = (): void => this.remove();

  #limit(version: 1 | 2, bytes: number): void {
    const [memory, swap] = this.#files.limits;
    writeFileSync(join(this.#path, memory), String(bytes));
    // Version 1 limits memory and swap together, version 2 swap alone. Kernels may leave either out.
    if (existsSync(join(this.#path, swap))) writeFileSync(join(this.#path, swap), version === 1 ? String(bytes) : '0');
  }

  #killAll(): void {
    for (const id of this.#read('cgroup.procs')?.split('\n').filter(Boolean) ?? []) {
      try {
        process.kill(Number(id), 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.#path, name), 'utf8').trim();
    } catch {
      return undefined;
    }
  }
}
