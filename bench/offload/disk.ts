import { spawn } from 'node:child_process';

/** What fio read fastest, and how. */
export interface DiskSpeed {
  bytesPerSecond: number;
  how: string;
}

/** Direct random reads: block sizes around an expert's matrix, and depths that a disk may need to be busy. */
const trials = [
  { block: '512k', depth: 16 },
  { block: '1m', depth: 4 },
  { block: '1m', depth: 16 },
  { block: '4m', depth: 8 },
];
const engines = ['io_uring', 'libaio'];

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
  let refusal = `fio has none of the engines ${engines.join(', ')}`;
  for (const engine of engines.filter((name) => known.output.includes(name))) {
    for (const { block, depth } of trials) {
      const ran = await fio(jobOptions(file, engine, block, depth, seconds), signal);
      const bytesPerSecond = ran?.code === 0 ? readSpeed(ran.output) : 0;
      if (ran && ran.code !== 0) refusal = `fio: ${ran.output.trim() || `ended with status ${ran.code}`}`;
      if (bytesPerSecond > (best?.bytesPerSecond ?? 0)) {
        best = { bytesPerSecond, how: `${engine}, ${block} blocks, depth ${depth}` };
      }
    }
    // The second engine is for kernels that forbid the first.
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

function jobOptions(file: string, engine: string, block: string, depth: number, seconds: number): string[] {
  return [
    '--name=disk',
    `--filename=${file.replaceAll(':', '\\:')}`,
    '--readonly',
    '--rw=randread',
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
