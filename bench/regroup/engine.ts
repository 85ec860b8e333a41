// npm run bench:regroup-engine [-- --file models/demo/moeflow-demo-q8_0.gguf] [--texts models/demo/heldout] [--share 50,25]
//   [--sequences 16] [--batch 8] [--tokens 160] [--requests 48] [--prefetch none,auto] [--runs 3]
// The texts are JSON files of token ids. What regrouping saves at work: bytes of experts that are read per token, and tokens per second, for generations of mixed texts that take
// turns in steps, in the order of waiting and regrouped; with part of the experts in memory.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type LoadModelOptions, loadModel, type Prefetch, planMemory } from '../../lib/index.js';
import { shuffle, uniforms } from '../../lib/random.js';
import { loadWithShare } from '../shared/expert-share.js';
import { describeRun, warnIfBusy } from '../shared/machine.js';
import { count, counts } from '../shared/options.js';
import { program } from '../shared/program.js';
import { median, spread } from '../shared/statistics.js';
import { table } from '../shared/table.js';

const policies = ['fifo', 'regroup', 'auto'] as const;
const promptTokens = 48;

const { values } = parseArgs({
  options: {
    file: { type: 'string', default: 'models/demo/moeflow-demo-q8_0.gguf' },
    texts: { type: 'string', default: 'models/demo/heldout' },
    share: { type: 'string', default: '50,25' },
    sequences: { type: 'string', default: '16' },
    batch: { type: 'string', default: '8' },
    tokens: { type: 'string', default: '160' },
    requests: { type: 'string', default: '48' },
    prefetch: { type: 'string', default: 'none,auto' },
    runs: { type: 'string', default: '3' },
  },
});

interface Run {
  bytesPerToken: number;
  tokensPerSecond: number;
}

await program(bench);

async function bench(): Promise<void> {
  console.log(describeRun(basename(values.file), values.file, availableParallelism()));
  warnIfBusy();
  for (const share of counts('--share', values.share)) {
    for (const prefetch of values.prefetch.split(',') as Prefetch[]) {
      const runs = new Map<string, Run[]>(policies.map((policy) => [policy, []]));
      for (let round = 0; round < count('--runs', values.runs); round++) {
        for (const policy of policies) runs.get(policy)?.push(await serve(policy, share, prefetch, round));
      }
      const fifo = runs.get('fifo') as Run[];
      const beside = (list: Run[], of: (run: Run) => number) =>
        median(list.map((run, i) => of(run) / of(fifo[i] as Run))).toFixed(3);
      const rows = [...runs].map(([policy, list]) => [
        policy,
        spread(
          list.map(({ bytesPerToken }) => bytesPerToken / 1024),
          (x) => x.toFixed(0),
        ),
        beside(list, ({ bytesPerToken }) => bytesPerToken),
        spread(
          list.map(({ tokensPerSecond }) => tokensPerSecond),
          (x) => x.toFixed(0),
        ),
        beside(list, ({ tokensPerSecond }) => tokensPerSecond),
      ]);
      console.log(`${share}% of the experts in memory, prefetch ${prefetch}:`);
      for (const line of table([['', 'KiB/token', 'beside fifo', 'tokens/s', 'beside fifo'], ...rows]))
        console.log(line);
    }
  }
}

async function serve(
  scheduling: (typeof policies)[number],
  share: number,
  prefetch: Prefetch,
  seed: number,
): Promise<Run> {
  const tokens = count('--tokens', values.tokens);
  const sequences = count('--sequences', values.sequences);
  const options: LoadModelOptions = {
    contextLength: promptTokens + tokens + 2,
    kvCacheTokens: sequences * (promptTokens + tokens + 18),
    batchTokens: 128,
    maxSequences: sequences,
    sequencesPerStep: count('--batch', values.batch),
    scheduling,
    cache: { prefetch },
    predictor: 'none',
  };
  const model = await loadWithShare({ loadModel, planMemory }, values.file, options, share / 100);
  try {
    const prompts = mixedPrompts(count('--requests', values.requests), seed);
    const started = performance.now();
    const before = model.stats().experts.bytesRead;
    const results = await Promise.all(
      prompts.map(
        (prompt, i) => model.generate(prompt, { maxTokens: tokens, temperature: 0.8, seed: i, ignoreEos: true }).result,
      ),
    );
    const generated = results.reduce((sum, result) => sum + result.tokens.length, 0);
    const bytes = model.stats().experts.bytesRead - before;
    return { bytesPerToken: bytes / generated, tokensPerSecond: (generated * 1000) / (performance.now() - started) };
  } finally {
    await model.dispose();
  }
}

/** Pieces of all texts of the folder, in random order. */
function mixedPrompts(requests: number, seed: number): Int32Array[] {
  const files = readdirSync(values.texts).sort();
  const texts = files.map((file) => Int32Array.from(JSON.parse(readFileSync(join(values.texts, file), 'utf8'))));
  const prompts = Int32Array.from({ length: requests }, (_, i) => i);
  shuffle(prompts, uniforms(seed));
  return [...prompts].map((i) => {
    const text = texts[i % texts.length] as Int32Array;
    const at = (384 * Math.floor(i / texts.length)) % Math.max(1, text.length - promptTokens);
    return text.slice(at, at + promptTokens);
  });
}
