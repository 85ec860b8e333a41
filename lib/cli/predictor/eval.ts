/** `moeflow predictor eval`. */

import type { Command } from 'commander';
import type { Evaluation } from '../../../predictor/evaluate.js';
import { formatShare, formatTable } from '../../report/format.js';
import type { Trace } from '../../trace/trace.js';
import { holdout } from '../holdout.js';
import { interruptible } from '../interruption.js';
import { addModelFlags } from '../model-flags.js';
import { integers } from '../numbers.js';
import { print } from '../output.js';
import { evaluationText, worthShowing } from './evaluation-text.js';
import { addRouteFlags, type RouteFlags, routesByFlags } from './routes.js';

interface EvalFlags extends RouteFlags {
  holdout?: ReturnType<typeof holdout>;
  batch?: number[];
  json?: boolean;
}

const examples = `
Of a trace that the predictor was trained on, the same --holdout keeps the sequences that it has not seen. Texts are all taken.

Examples:
  $ moeflow predictor eval qwen3.predictor --trace routes/ --holdout even-odd
  $ moeflow predictor eval qwen3.predictor --model qwen3.gguf --text other-texts/ --batch 4,16`;

export function addEval(predictor: Command): void {
  const command = predictor
    .command('eval')
    .description('Measures a predictor on routes, beside guesses that need no training.')
    .argument('<predictor>', 'file that "moeflow predictor train" has written')
    .addHelpText('after', examples);
  addRouteFlags(command);
  addModelFlags(command);
  command
    .optionsGroup('Measuring:')
    .option('--holdout <how>', 'sequences to measure on: a share, or even-odd (default: 0.1; of texts all)', holdout)
    .option('--batch <n,...>', 'sequences side by side, for the recall of what any of them uses', integers(1, 2 ** 12))
    .option('--json', 'everything as one JSON object')
    .action((path: string, flags: EvalFlags) => interruptible((signal) => evaluate(path, flags, signal)));
}

async function evaluate(path: string, flags: EvalFlags, signal: AbortSignal): Promise<void> {
  const { evaluatePredictor } = await import('../../../predictor/compare.js');
  const { readPredictor } = await import('../../../predictor/file/predictor-file.js');
  const predictor = await readPredictor(path);
  const trace = await routesByFlags(flags, () => {}, signal);
  // Texts are taken for what it has not seen.
  const holdout = flags.holdout ?? (flags.text === undefined ? undefined : 'none');
  const compared = await evaluatePredictor(predictor, trace, { holdout, batches: flags.batch, signal });
  if (flags.json) return print(`${JSON.stringify({ predictor: path, ...compared })}\n`, signal);
  const { evaluation, baselines } = compared;
  await print(
    `${evaluationText(evaluation, trace)}\n${comparison(evaluation, baselines, trace, holdout === 'none')}`,
    signal,
  );
}

function comparison(own: Evaluation, others: Record<string, Evaluation>, trace: Trace, all: boolean): string {
  const fetched = worthShowing(trace);
  const row = (name: string, { recallAt }: Evaluation) => [name, ...fetched.map((m) => formatShare(recallAt[m] ?? 1))];
  const head = ['recall, by experts fetched per layer', ...fetched.map(String)];
  const table = formatTable([
    head,
    row('route-path', own),
    ...Object.entries(others).map(([name, evaluation]) => row(name, evaluation)),
  ]);
  const note = all ? 'popularity and tables are counted on the measured tokens themselves, which flatters them\n' : '';
  return `${table}${note}`;
}
