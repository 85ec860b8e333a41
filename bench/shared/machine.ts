import { cpus, loadavg } from 'node:os';

/** What the numbers depend on besides the file: the first line of a benchmark. */
export function describeRun(name: string, file: string, threads: number): string {
  return `${name} (${file}) on ${cpus()[0]?.model}, ${threads} threads`;
}

export function warnIfBusy(): void {
  const [load = 0] = loadavg();
  if (load > 0.5)
    console.log(`warning: other work was running (load average ${load.toFixed(1)}); the numbers will not hold`);
}
