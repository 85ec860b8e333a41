// npm run bench:offload -- --file bench/data/olmoe-1b-7b-q4_0-reuse.gguf [--caps 50,25] [--runs 3] [--prompts 64,512]
//   [--decode 48] [--decode-seconds 30] [--time-limit 180] [--disk-seconds 2] [--threads 2]
//   [--only moeflow,resident,llama-repacked,llama,llama-tuned] [--json results.json]
// Models that do not fit: moeflow and llama.cpp in turn, each run cold and in a control group that limits its memory.
import { stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { modelFacts } from '../shared/active-bytes.js';
import { describeRun, warnIfBusy } from '../shared/machine.js';
import { program } from '../shared/program.js';
import { requireRuntime } from '../shared/runtimes.js';
import { ControlGroup } from './control-group.js';
import { groupPlace } from './group-place.js';
import { interruption } from './interruption.js';
import { compileShim } from './llama-shim.js';
import { type Options, readOptions } from './options.js';
import { pageCache } from './page-cache.js';
import type { Results } from './records.js';
import { capReport, closingLines } from './report.js';
import { measureAll } from './rounds.js';
import { runtimes } from './runtimes.js';

await program(() => bench(readOptions(process.argv.slice(2))));

async function bench(options: Options): Promise<void> {
  const engines = new Set(options.runtimes.map((runtime) => runtimes[runtime].engine));
  engines.forEach(requireRuntime);
  const facts = await modelFacts(options.file);
  const place = groupPlace();
  // What cannot be limited is said now, not after the first minutes.
  ControlGroup.create(place, undefined).remove();
  const cache = pageCache();
  if (engines.has('llama')) compileShim();

  console.log(describeRun(facts.name, options.file, options.threads));
  console.log(`control groups of version ${place.version}, below ${place.parent}`);
  if (cache.note) console.log(`warning: ${cache.note}`);
  warnIfBusy();
  const file = resolve(options.file);
  const results: Results = { runs: [], disks: [] };
  const { size } = await stat(file);
  await measureAll(results, {
    ...options,
    file,
    size,
    vocabulary: facts.vocabulary,
    place,
    cache,
    signal: interruption(),
  });

  for (const cap of options.caps)
    for (const line of ['', ...capReport(results, cap, options.prompts)]) console.log(line);
  for (const line of ['', ...closingLines(results)]) console.log(line);
  if (options.json) await writeFile(options.json, JSON.stringify({ options, facts, ...plain(results) }, null, 1));
}

function plain({ runs, disks }: Results): object {
  return {
    disks,
    runs: runs.map(({ run, ...where }) => ({ ...where, ...run, measures: Object.fromEntries(run.measures) })),
  };
}
