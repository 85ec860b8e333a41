/** `moeflow plan`: where experts should be, from where tokens went. */

import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { placement, planReport } from '../index.js';
import { openTrace } from '../trace/open.js';
import { UsageError } from './failure.js';
import { holdout } from './holdout.js';
import { interruptible } from './interruption.js';
import { decimal, integer, seed, size } from './numbers.js';
import { print } from './output.js';
import { textOf } from './plan-report.js';
import { createPlanStatus } from './plan-status.js';
import { addOpenFlags } from './trace/open-flags.js';

interface PlanFlags extends Omit<placement.PlanOptions, 'signal' | 'onProgress' | 'expertBytes'> {
  gpus?: number;
  nodes?: number;
  expertBytes?: number;
  traceFormat?: string;
  experts?: number;
  k?: number;
  format?: placement.PlanFormat;
  denseLayers?: number;
  json?: boolean;
  out?: string;
  html?: string;
}

const examples = `
The report compares the plan with what needs no search, on tokens that the plan was not made from. Crossings: how often a
token's first expert is on another GPU than that of the layer before. Load: uses of experts on the busiest GPU, over the mean.
docs/placement.md tells how to read it. Exit codes: 0, also if the plan does not help, which the report says; 1 for an error,
2 for a wrong command line, 130 after Ctrl-C.

Examples:
  $ moeflow plan routes/ --gpus 8 --nodes 2 --out plan.json
  $ moeflow plan routes/ --gpus 8 --format sglang --out locations.json
  $ moeflow plan routes/ --gpus 32 --nodes 4 --replicas 288 --objective fused
  $ moeflow plan tiny.csv --gpus 2 --solver exact --time-limit 60 --json`;

export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('Places experts on GPUs so that tokens travel less, from a routing trace.')
    .argument('<trace...>', 'Parquet file, folder of its parts, or a file of a format that can be imported')
    .addHelpText('after', examples);
  command
    .optionsGroup('Cluster:')
    .option('--gpus <n>', 'GPUs in all', integer(1, 2 ** 15))
    .option('--nodes <n>', 'nodes, with equally many GPUs each (default: 1)', integer(1, 2 ** 15))
    .option('--node-cost <x>', 'crossings between GPUs that one between nodes is worth (default: 4)', decimal(1, 1e6))
    .option('--replicas <n>', 'copies of experts per layer in all (default: one of each)', integer(1, 2 ** 16))
    .option('--capacity <size>', 'bytes per GPU, in place of equally many experts per layer', size)
    .option('--expert-bytes <size>', 'of an expert, for --capacity (default: what the trace says)', size);
  command
    .optionsGroup('Goal:')
    .addOption(new Option('--objective <name>', 'default: crossings').choices(placement.objectives))
    .addOption(
      new Option('--affinity <name>', 'first experts, or all pairs (default: path)').choices(['path', 'pairs']),
    )
    .option(
      '--balance-weight <x>',
      'for fused: crossings per step that twice the load is worth (default: 0.3)',
      decimal(0, 1e6),
    )
    .option('--holdout <how>', 'tokens to test on: even-odd sequences, a share, or none (default: even-odd)', holdout);
  command
    .optionsGroup('Solver:')
    .addOption(
      new Option('--solver <name>', 'default: sweep; exact is for small instances').choices(placement.solverNames),
    )
    .option('--seed <n>', 'default: 0', seed)
    .option('--time-limit <seconds>', 'for the solver (default: 10)', decimal(0.01, 1e6));
  command
    .optionsGroup('Communication:')
    .option('--hidden <n>', "numbers in a token's state; adds bytes per iteration to the report", integer(1, 2 ** 24))
    .option('--type-bytes <x>', 'bytes of each (default: 2)', decimal(0.125, 16))
    .option('--tokens-per-gpu <n>', 'of an iteration (default: 1)', integer(1, 2 ** 24))
    .option(
      '--groups <n>',
      'groups of experts, for hierarchical EPLB (default: as many as experts)',
      integer(1, 2 ** 16),
    );
  addOpenFlags(command.optionsGroup('Trace:'), '--trace-format');
  command
    .optionsGroup('Output:')
    .option('--json', 'the plan and its evaluation as one JSON object, in place of the report')
    .addOption(new Option('--format <name>', 'of the plan (default: moeflow)').choices(placement.planFormats))
    .option(
      '--dense-layers <n>',
      'for sglang: layers without experts before the first one with them',
      integer(0, 2 ** 12),
    )
    .option('-o, --out <file>', 'where the plan is written to')
    .option('--html <file>', 'writes the report as a page, one file that needs no network');
  command.action((paths: string[], flags: PlanFlags & { hidden?: number }) =>
    interruptible((signal) => makePlan(paths, flags, signal)),
  );
}

async function makePlan(paths: string[], flags: PlanFlags & { hidden?: number }, signal: AbortSignal): Promise<void> {
  const { gpus, nodes, traceFormat, experts, k, format, denseLayers, json, out, html, hidden, ...options } = flags;
  if (gpus === undefined) throw new UsageError('no cluster: say how many GPUs there are with --gpus N');
  if (json && format !== undefined && out === undefined) {
    throw new UsageError("--json prints moeflow's own form: give --format with --out, or leave one of them out");
  }
  const trace = await openTrace(paths, { format: traceFormat, experts, k });
  const status = createPlanStatus();
  let plan: placement.Plan;
  try {
    const onProgress = (progress: placement.PlanProgress) => status.update(progress);
    plan = await placement.plan(trace, { gpus, nodes }, { ...options, hiddenSize: hidden, signal, onProgress });
  } finally {
    status.stop();
  }
  const written = placement.formatPlan(plan, format ?? 'moeflow', denseLayers);
  if (out !== undefined) await writeFile(out, written, { signal });
  if (html !== undefined) await writeFile(html, planReport(plan), { signal });
  if (json) await print(`${JSON.stringify(plan)}\n`, signal);
  else await print(format !== undefined && out === undefined ? written : textOf(plan), signal);
}
