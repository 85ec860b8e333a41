import { spawn } from 'node:child_process';

interface Trial {
  order: 'randread' | 'read';
  block: string;
  depth: number;
}

/** What fio read fastest, and how. */
export interface DiskSpeed {
  bytesPerSecond: number;
  how: string;
}

/**
 * Direct reads: block sizes around an expert's matrix, and depths that a disk may need to be busy. In sequence too: what no
 * order of reading beats.
 */
const trials: Trial[] = [
  { order: 'randread', block: '512k', depth: 32 },
  { order: 'randread', block: '1m', depth: 16 },
  { order: 'randread', block: '1m', depth: 32 },
  { order: 'randread', block: '4m', depth: 8 },
  { order: 'read', block: '4m', depth: 8 },
];
/** Fastest first. io_uring keeps its buffers known to the kernel, which made up to twice the speed. */
const engines = [
  { engine: 'io_uring', extra: ['--fixedbufs=1'] },
  { engine: 'libaio', extra: [] },
];

/**
 * The disk's speed in reading this file, past the page cache; undefined without fio.
 *
 * @param seconds for each trial
 * @throws Error when fio is there but cannot read the file
 */
export async function diskSpeed(file: string, seconds: number, signal: AbortSignal): Promise<DiskSpeed | undefined> {
  const known = await fio(['--enghelp'], signal);
  if (known === undefined) return undefined;
  let best: DiskSpeed | undefined;
  let refusal = `fio has none of the engines ${engines.map(({ engine }) => engine).join(', ')}`;
  for (const { engine, extra } of engines.filter(({ engine }) => known.output.includes(engine))) {
    for (const trial of trials) {
      const ran = await fio([...jobOptions(file, engine, trial, seconds), ...extra], signal);
      const bytesPerSecond = ran?.code === 0 ? readSpeed(ran.output) : 0;
      if (ran && ran.code !== 0) refusal = `fio: ${ran.output.trim() || `ended with status ${ran.code}`}`;
      if (bytesPerSecond > (best?.bytesPerSecond ?? 0)) {
        best = { bytesPerSecond, how: describe(engine, trial) };
      }
    }
    // The second engine is for where the first is forbidden, or may not lock memory.
    if (best) return best;
  }
  throw new Error(`the disk's speed was not measured: ${refusal}`);
}

/** Bytes per second from fio's JSON, which comes after whatever it has to warn of. */
export function readSpeed(output: string): number {
  const start = output.indexOf('{');
  const { jobs } = JSON.parse(output.slice(start, output.lastIndexOf('}') + 1)) as {
    jobs: { read: { bw_bytes: number } }[];
  };
  return jobs[0]?.read.bw_bytes ?? 0;
}

function describe(engine: string, { order, block, depth }: Trial): string {
  return `${engine}, ${block} blocks ${order === 'read' ? 'in sequence' : 'at random'}, depth ${depth}`;
}

function jobOptions(file: string, engine: string, { order, block, depth }: Trial, seconds: number): string[] {
  return [
    '--name=disk',
    `--filename=${file.replaceAll(':', '\\:')}`,
    '--readonly',
    `--rw=${order}`,
    '--direct=1',
    `--ioengine=${engine}`,
    `--bs=${block}`,
    `--iodepth=${depth}`,
    '--time_based',
    `--runtime=${seconds}`,
    '--output-format=json',
  ];
}

function fio(options: string[], signal: AbortSignal): Promise<{ output: string; code: number | null } | undefined> {
  const child = spawn('fio', options, { stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise<{ output: string; code: number | null } | undefined>((accept, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? accept(undefined) : reject(error)));
    child.on('close', (code) => (signal.aborted ? reject(signal.reason) : accept({ output, code })));
  }).finally(() => signal.removeEventListener('abort', kill));
}
