// npm run bench:prefetch -- --file MODEL [--predictor FILE] [--experts 50,25] [--runs 3] [--prompt TEXT] [--prompt-tokens 64]
//   [--decode 400] [--ways none,gate-ahead] [--threads 2] [--json results.json]
// Whether `prefetch: 'auto'` is as fast as the best fixed way to look ahead, and as much faster than a cache that only
// reacts as the simulator says. Each run is cold and in a process of its own; as root, on Linux.
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { groupPlace } from '../offload/group-place.js';
import { interruption } from '../offload/interruption.js';
import { pageCache } from '../offload/page-cache.js';
import { type Run, runInGroup } from '../offload/run.js';
import { modelFacts } from '../shared/active-bytes.js';
import { describeRun, warnIfBusy } from '../shared/machine.js';
import { count, counts } from '../shared/options.js';
import { program } from '../shared/program.js';
import { requireRuntime } from '../shared/runtimes.js';
import { predictorOf } from './own-text.js';
import { report } from './report.js';
import { auto, chosenWays, type Way } from './ways.js';

/** The budget is moeflow's own: that it is kept is measured elsewhere (npm run test:memory). */
const noLimits = { ram: 0, group: 0 };

await program(bench);

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      file: { type: 'string' },
      predictor: { type: 'string' },
      experts: { type: 'string', default: '50,25' },
      runs: { type: 'string', default: '3' },
      prompt: { type: 'string' },
      'prompt-tokens': { type: 'string', default: '64' },
      decode: { type: 'string', default: '400' },
      ways: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      json: { type: 'string' },
    },
  });
  if (!values.file) throw new Error('--file is missing: name a GGUF file');
  requireRuntime('moeflow');
  const file = resolve(values.file);
  const threads = count('--threads', values.threads);
  const decodeTokens = count('--decode', values.decode);
  const facts = await modelFacts(file);
  const predictor = values.predictor ?? (await predictorOf(file, facts.vocabulary, decodeTokens));
  const setting = { place: groupPlace(), timeLimit: 600, signal: interruption() };
  const cache = pageCache();

  console.log(describeRun(facts.name, file, threads));
  warnIfBusy();
  const request = {
    file,
    threads,
    promptTokens: count('--prompt-tokens', values['prompt-tokens']),
    decodeTokens,
    decodeSeconds: 600,
    vocabulary: facts.vocabulary,
    prompt: values.prompt,
    // Greedy text of a small model goes round in circles; the draws are the same for all.
    ...(values.prompt === undefined ? {} : { sampling: { temperature: 0.8, seed: 1 } }),
  };
  const run = async (way: Way | undefined, percent: number): Promise<Run> => {
    cache.forget(file);
    const load = way ? { cache: way.cache, predictor: way.predicts ? predictor : 'none' } : undefined;
    const expertShare = way && percent / 100;
    const done = await runInGroup('resident', { ...request, load, expertShare }, noLimits, setting);
    if (done.failure) throw new Error(`${way?.title ?? 'no cap'}, ${percent}%: ${done.failure}`);
    console.log(
      `${percent}%, ${way?.title ?? 'no cap'}: ${done.measures.get('decode')?.toFixed(2)} tokens/s, second half ${done.measures.get('decode, second half')?.toFixed(2)}; ${done.notes.join('; ')}`,
    );
    return done;
  };
  const results = [];
  for (const percent of counts('--experts', values.experts)) {
    const runs = new Map<Way | undefined, Run[]>();
    for (let round = 0; round < count('--runs', values.runs); round++) {
      // Each round begins with another one, as what ran before may matter.
      const ways = [undefined, auto, ...chosenWays(values.ways)];
      for (const way of [...ways.slice(round % ways.length), ...ways.slice(0, round % ways.length)]) {
        runs.set(way, [...(runs.get(way) ?? []), await run(way, percent)]);
      }
    }
    for (const line of await report(runs, predictor)) console.log(line);
    results.push({ percent, runs: [...runs].map(([way, of]) => ({ way: way?.title, runs: of.map(plain) })) });
  }
  if (values.json) await writeFile(values.json, JSON.stringify({ file, facts, results }, null, 1));
}

function plain({ measures, ...run }: Run): object {
  return { ...run, measures: Object.fromEntries(measures) };
}
