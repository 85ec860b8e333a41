// npm run bench:serving -- --file MODEL [--rates 0.2,0.5] [--requests 40] [--prompt-tokens 128] [--tokens 64] [--sequences 8]
//   [--ways continuous,static,llama] [--runs 3] [--threads 2] [--json results.json]
// Requests that come at random times (Poisson), served by moeflow as it is, by moeflow in closed batches, and by llama.cpp as
// its server runs it: how long until the first token, how long between tokens. Each run is a process of its own.
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { modelFacts } from '../shared/active-bytes.js';
import { describeRun, warnIfBusy } from '../shared/machine.js';
import { count } from '../shared/options.js';
import { program } from '../shared/program.js';
import { repository, requireRuntime } from '../shared/runtimes.js';
import { type Arrival, poissonArrivals } from './arrivals.js';
import { checkServed, type Figures, figures, report, type Served } from './report.js';

const titles = {
  continuous: 'moeflow',
  static: 'moeflow, closed batches',
  llama: 'llama.cpp, as its server',
} as const;
type Way = keyof typeof titles;

await program(bench);

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      file: { type: 'string' },
      rates: { type: 'string', default: '0.2,0.5' },
      requests: { type: 'string', default: '40' },
      'prompt-tokens': { type: 'string', default: '128' },
      tokens: { type: 'string', default: '64' },
      sequences: { type: 'string', default: '8' },
      ways: { type: 'string', default: 'continuous,static,llama' },
      runs: { type: 'string', default: '3' },
      threads: { type: 'string', default: String(availableParallelism()) },
      json: { type: 'string' },
    },
  });
  if (!values.file) throw new Error('--file is missing: name a GGUF file');
  const ways = waysNamed(values.ways);
  requireRuntime('moeflow');
  if (ways.includes('llama')) requireRuntime('llama');
  const file = resolve(values.file);
  const facts = await modelFacts(file);
  const load = {
    requests: count('--requests', values.requests),
    promptTokens: count('--prompt-tokens', values['prompt-tokens']),
    tokens: count('--tokens', values.tokens),
    vocabulary: facts.vocabulary,
  };
  const threads = count('--threads', values.threads);
  const settings = { useMmap: true, flashAttention: true };
  console.log(describeRun(facts.name, file, threads));
  warnIfBusy();
  const results = [];
  for (const rate of values.rates.split(',').map(rateOf)) {
    const runs = new Map<string, Figures[]>();
    for (let seed = 1; seed <= count('--runs', values.runs); seed++) {
      const arrivals = poissonArrivals({ ...load, rate, seed });
      const contextLength = Math.max(...arrivals.map(({ prompt, tokens }) => prompt.length + tokens));
      for (const way of ways) {
        const request = { way, file, threads, sequences: count('--sequences', values.sequences), contextLength };
        const run = figures(await serve({ ...request, settings, arrivals }));
        runs.set(titles[way], [...(runs.get(titles[way]) ?? []), run]);
        results.push({ rate, seed, way, ...run });
      }
    }
    console.log(`${rate} requests per second:`);
    for (const line of report(runs)) console.log(line);
  }
  if (values.json) await writeFile(values.json, JSON.stringify({ file, facts, load, results }, null, 1));
}

function waysNamed(text: string): Way[] {
  return text.split(',').map((name) => {
    if (!(name in titles)) throw new Error(`--ways ${name}: use some of ${Object.keys(titles).join(',')}`);
    return name as Way;
  });
}

function rateOf(text: string): number {
  const rate = Number(text);
  if (!(rate > 0 && rate < 1e6)) throw new Error(`--rates ${text}: requests per second, above 0, are needed`);
  return rate;
}

async function serve(request: { way: Way; arrivals: Arrival[] } & Record<string, unknown>): Promise<Served> {
  const script = join(repository, 'bench/serving/worker.mjs');
  const worker = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  worker.stdin.end(JSON.stringify(request));
  let output = '';
  worker.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const status = await new Promise((accept, reject) => {
    worker.on('error', reject);
    worker.on('close', (code, signal) => accept(signal ?? code));
  });
  if (status !== 0) throw new Error(`bench/serving, ${request.way}: ended with ${status}; what it said is above`);
  const served = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Served;
  checkServed(request.arrivals, served);
  return served;
}
