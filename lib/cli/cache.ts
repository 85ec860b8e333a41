/** `moeflow cache`: what caches of several policies and sizes would have hit on a trace. */

import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { type Scope, scopes } from '../cache-sim/capacity.js';
import { type AccessOrder, accessOrders, type SimulatedPolicy } from '../cache-sim/options.js';
import { type CompareCachesOptions, compareCaches } from '../index.js';
import { cacheReport } from '../report/cache-report.js';
import type { Holdout } from '../trace/holdout.js';
import { openTrace } from '../trace/open.js';
import { addRegroupFlags, checkNoRegroupFlags, type RegroupFlags, regroupByFlags } from './cache-regroup.js';
import { cacheTable } from './cache-table.js';
import { UsageError } from './failure.js';
import { holdout } from './holdout.js';
import { readHotList } from './hot-list.js';
import { interruptible } from './interruption.js';
import { bandwidth, decimal, integer, integers, policyNames, seed, size, sizes } from './numbers.js';
import { print } from './output.js';
import { addOpenFlags, type OpenFlags, openOptions } from './trace/open-flags.js';

export interface CacheFlags extends OpenFlags, RegroupFlags {
  slots?: number[];
  bytes?: number[];
  policy?: SimulatedPolicy[];
  batch?: number[];
  scope?: Scope;
  phase?: 'all' | 'prefill' | 'decode';
  holdout?: Holdout;
  order?: AccessOrder;
  emptyPerSequence?: boolean;
  promptTokens?: number;
  hot?: string;
  recall?: number;
  precision?: number;
  layersAhead?: number;
  seed?: number | bigint;
  predictor?: string;
  leastProbability?: number;
  bandwidth?: number;
  expertTime?: number;
  overlap: boolean;
  expertBytes?: number;
  json?: boolean;
  html?: string;
}

export function addCache(program: Command): void {
  const command = program
    .command('cache')
    .description('Counts what caches of experts would have hit on a trace, by the rules of the engine and at best.')
    .argument('<trace...>', 'Parquet file, folder of its parts, or a file of a format that can be imported');
  addOpenFlags(command)
    .optionsGroup('Caches:')
    .option(
      '--slots <list>',
      'places for experts, as in 64,128: in all, or of each layer with --scope layer',
      integers(1, 2 ** 24),
    )
    .option('--bytes <list>', 'memory for experts instead, as in 2GiB,4GiB', sizes)
    .option('--policy <list>', 'who leaves: policies with commas between them, or all', policyNames)
    .addOption(new Option('--scope <name>', 'whether layers share places').choices(scopes).default('global'))
    .option('--hot <file>', 'for static: JSON, [[layer, expert], ...], the most wanted first (default: the most used)')
    .option('--expert-bytes <size>', 'of one expert, where the trace does not say', size)
    .optionsGroup('How the tokens are computed:')
    .option('--batch <list>', 'sequences side by side, as in 1,4,16 (default: 1)', integers(1, 2 ** 16))
    .addOption(new Option('--phase <name>', 'tokens to look at').choices(['all', 'prefill', 'decode']).default('all'))
    .option('--holdout <split>', 'sequences to look at: even-odd, a share such as 0.2, or none, for all', holdout)
    .addOption(new Option('--order <name>', "how a layer's experts get places").choices(accessOrders).default('engine'))
    .option('--empty-per-sequence', 'caches are empty when a sequence, or a group of them, begins')
    .option('--prompt-tokens <n>', 'tokens of a prompt that are computed together (default: 512)', integer(1, 2 ** 20))
    .optionsGroup('What if experts were predicted:')
    .option('--recall <r>', 'share of what is used that is predicted, 0 to 1', decimal(0, 1))
    .option('--precision <p>', 'share of what is predicted that is used, above 0', decimal(1e-6, 1))
    .option('--layers-ahead <n>', 'how many layers before (default: 1)', integer(1, 2 ** 16))
    .option('--seed <n>', 'of the random choices (default: 0)', seed)
    .optionsGroup('What a trained predictor is worth:')
    .option('--predictor <file>', 'made by moeflow predictor train')
    .option('--least-probability <p>', 'what is less probable is not fetched (default: 0.5)', decimal(0, 1));
  addRegroupFlags(command);
  command
    .optionsGroup('What it costs:')
    .option('--bandwidth <size/s>', 'of reads, as in 2GB/s', bandwidth)
    .option('--expert-time <us>', 'microseconds to compute one expert (default: 0)', decimal(0, 1e12))
    .option('--no-overlap', 'computing waits for reads, and reads for computing')
    .optionsGroup('Output:')
    .option('--json', 'one JSON array of rows; sizes in bytes')
    .option('--html <file>', 'writes a report, one file that needs no network')
    .addHelpText(
      'after',
      `
Examples:
  $ moeflow cache routes/ --slots 32,64,128
  $ moeflow cache routes/ --bytes 2GiB,4GiB --policy plec,lru,belady --batch 1,4,16
  $ moeflow cache routes/ --slots 64 --recall 0.8 --precision 0.6 --bandwidth 2GB/s --expert-time 150
  $ moeflow cache trace.csv --slots 8,16,24 --scope layer --phase decode --html report.html
  $ moeflow cache routes/ --regroup --sequences 16 --batch 8 --slots 64 --predictor qwen3.predictor`,
    )
    .action((paths: string[], flags: CacheFlags) => interruptible((signal) => cache(paths, flags, signal)));
}

async function cache(paths: string[], flags: CacheFlags, signal: AbortSignal): Promise<void> {
  if (flags.regroup) return regroupByFlags(paths, flags, signal);
  checkNoRegroupFlags(flags);
  const options = await cacheOptions(flags);
  const trace = await openTrace(paths, openOptions(flags));
  const rows = await compareCaches(trace, { ...options, signal });
  if (flags.html) await writeFile(flags.html, await cacheReport(trace, rows, { ...options, signal }));
  await print(flags.json ? `${JSON.stringify(rows)}\n` : cacheTable(trace, rows), signal);
}

/** @throws UsageError for flags that do not go together, before the trace is read */
async function cacheOptions(flags: CacheFlags): Promise<CompareCachesOptions> {
  const { slots, bytes, scope, phase, holdout, order, emptyPerSequence, promptTokens, expertBytes } = flags;
  const { recall, precision, layersAhead } = flags;
  if (!slots && !bytes)
    throw new UsageError('--slots or --bytes must say how much the caches hold, as in --slots 64,128');
  const predicts = recall !== undefined || precision !== undefined;
  if (!predicts && (layersAhead !== undefined || flags.seed !== undefined)) {
    throw new UsageError('--layers-ahead and --seed are for predictions: --recall or --precision is missing');
  }
  const { predictor, leastProbability } = flags;
  if (predictor !== undefined && predicts) {
    throw new UsageError('--predictor makes predictions itself: --recall and --precision are for made-up ones');
  }
  if (predictor === undefined && leastProbability !== undefined) {
    throw new UsageError('--least-probability is for a trained predictor: --predictor is missing');
  }
  if (flags.bandwidth === undefined && (flags.expertTime !== undefined || !flags.overlap)) {
    throw new UsageError('--expert-time and --no-overlap are for the cost of reads: --bandwidth is missing');
  }
  return {
    slots,
    bytes,
    policies: flags.policy,
    batches: flags.batch,
    scope,
    phase,
    holdout,
    order,
    emptyPerSequence,
    promptTokens,
    expertBytes,
    hot: await readHotList(flags.hot),
    prediction: predictor
      ? { predictor, leastProbability }
      : predicts
        ? { recall, precision, layersAhead, seed: flags.seed }
        : undefined,
    cost:
      flags.bandwidth === undefined
        ? undefined
        : { bandwidth: flags.bandwidth, expertSeconds: (flags.expertTime ?? 0) / 1e6, overlap: flags.overlap },
  };
}
