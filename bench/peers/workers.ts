import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { repository } from '../shared/runtimes.js';

const peers = join(repository, 'bench/peers');

export interface Settings {
  useMmap: boolean;
  flashAttention: boolean;
}

export interface Request {
  file: string;
  threads: number;
  promptTokens: number;
  decodeTokens: number;
  batches: number[];
  vocabulary: number;
  settings?: Settings;
}

/** Measures by name, "decode 8" for eight sequences; and the first tokens of the first sequence. */
export interface Run {
  measures: Map<string, number>;
  tokens: number[];
  notes: string[];
}

export type Runtime = 'moeflow' | 'llama';

interface Line {
  measure: string;
  sequences?: number;
  value?: number;
  tokens?: number[];
  steps?: number;
  text?: string;
}

/** Runs one measurement in a process of its own, so that neither runtime sees the other's memory or threads. */
export async function runWorker(runtime: Runtime, request: Request): Promise<Run> {
  const output = await runScript(`${runtime}.mjs`, JSON.stringify(request));
  const run: Run = { measures: new Map(), tokens: [], notes: [] };
  for (const line of output.split('\n').filter((text) => text.startsWith('{'))) {
    const { measure, sequences, value, tokens, steps, text } = JSON.parse(line) as Line;
    if (text !== undefined) run.notes.push(text);
    if (value !== undefined) run.measures.set(sequences === undefined ? measure : `${measure} ${sequences}`, value);
    if (tokens && sequences === 1) run.tokens = tokens;
    if (steps !== undefined && steps !== request.decodeTokens) {
      run.notes.push(`decode ${sequences}: ${steps} steps for ${request.decodeTokens} tokens; not batched throughout`);
    }
  }
  return run;
}

/** Memory read bandwidth in bytes per second, by moeflow's own measurement. */
export async function readBandwidth(threads: number): Promise<number> {
  return Number(await runScript('bandwidth.mjs', String(threads)));
}

function runScript(script: string, argument: string): Promise<string> {
  const worker = spawn(process.execPath, [join(peers, script), argument], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  worker.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((accept, reject) => {
    worker.on('error', reject);
    worker.on('close', (code, signal) => {
      if (code === 0) accept(output);
      else reject(new Error(`bench/peers/${script} ended with ${signal ?? `status ${code}`}; what it said is above`));
    });
  });
}
