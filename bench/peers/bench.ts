// npm run bench:peers -- --file bench/data/olmoe-1b-7b-q4_0.gguf [--threads 2] [--runs 5] [--prompt 512] [--decode 64]
//   [--batches 1,4,8] [--only moeflow|llama] [--settings tried|default] [--json results.json]
// Alternates moeflow and llama.cpp, each run in a process of its own, and compares medians.
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type ModelFacts, modelFacts } from '../shared/active-bytes.js';
import { describeRun, warnIfBusy } from '../shared/machine.js';
import { count, counts } from '../shared/options.js';
import { program } from '../shared/program.js';
import { requireRuntime } from '../shared/runtimes.js';
import { bestLlamaSettings, describeSettings } from './llama-settings.js';
import { compare, type Runs, roofline } from './report.js';
import { type Request, type Runtime, readBandwidth, runWorker } from './workers.js';

await program(bench);

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      file: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      runs: { type: 'string', default: '5' },
      prompt: { type: 'string', default: '512' },
      decode: { type: 'string', default: '64' },
      batches: { type: 'string', default: '1,4,8' },
      only: { type: 'string' },
      settings: { type: 'string', default: 'tried' },
      json: { type: 'string' },
    },
  });
  if (!values.file) throw new Error('--file is missing: name a GGUF file, e.g. one made by `npm run bench:synthetic`');
  const runtimes = chosenRuntimes(values.only);
  runtimes.forEach(requireRuntime);

  const facts = await modelFacts(values.file);
  const request: Request = {
    file: resolve(values.file),
    threads: count('--threads', values.threads),
    promptTokens: count('--prompt', values.prompt),
    decodeTokens: count('--decode', values.decode),
    batches: counts('--batches', values.batches),
    vocabulary: facts.vocabulary,
  };
  console.log(describeRun(facts.name, values.file, request.threads));
  warnIfBusy();

  if (runtimes.includes('llama') && values.settings === 'tried') {
    const short = { ...request, batches: [1], decodeTokens: Math.min(32, request.decodeTokens) };
    request.settings = await bestLlamaSettings(short, (line) => console.log(`trying llama.cpp with ${line}`));
    console.log(`llama.cpp runs with ${describeSettings(request.settings)}`);
  }

  const runs: Runs = Object.fromEntries(runtimes.map((runtime) => [runtime, []]));
  const bandwidths: number[] = [];
  for (let round = 1; round <= count('--runs', values.runs); round++) {
    if (runtimes.includes('moeflow')) bandwidths.push(await readBandwidth(request.threads));
    for (const runtime of runtimes) {
      const run = await runWorker(runtime, request);
      runs[runtime]?.push(run);
      const measures = [...run.measures].map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
      console.log(`run ${round}, ${runtime}: ${measures.join(', ')}`);
    }
  }
  printSummary(runs, facts, bandwidths, request.promptTokens + request.decodeTokens / 2);
  if (values.json)
    await writeFile(values.json, JSON.stringify({ request, facts, bandwidths, runs: plain(runs) }, null, 1));
}

function printSummary(runs: Runs, facts: ModelFacts, bandwidths: number[], context: number): void {
  console.log();
  for (const line of compare(runs)) console.log(line);
  if (bandwidths.length > 0) for (const line of roofline(runs, facts, bandwidths, context)) console.log(line);
  for (const [runtime, made] of Object.entries(runs)) {
    for (const note of new Set(made.flatMap(({ notes }) => notes))) console.log(`${runtime}: ${note}`);
  }
  const [ours, theirs] = [runs.moeflow?.[0]?.tokens, runs.llama?.[0]?.tokens];
  if (ours && theirs) {
    const differs = ours.findIndex((token, index) => token !== theirs[index]);
    console.log(
      `greedy tokens compared: ${differs < 0 ? `the first ${ours.length} agree` : `they part at token ${differs + 1}`}`,
    );
  }
}

function chosenRuntimes(only: string | undefined): Runtime[] {
  if (only === undefined) return ['moeflow', 'llama'];
  if (only === 'moeflow' || only === 'llama') return [only];
  throw new Error(`--only ${only}: use moeflow or llama`);
}

function plain(runs: Runs): object {
  return Object.fromEntries(
    Object.entries(runs).map(([runtime, made]) => [
      runtime,
      made.map((run) => ({ ...run, measures: Object.fromEntries(run.measures) })),
    ]),
  );
}
