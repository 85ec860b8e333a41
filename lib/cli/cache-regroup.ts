/** `moeflow cache --regroup`: which sequences a step computes together, and what that activates and reads. */

import type { Command } from 'commander';
import { type CompareGroupingsOptions, compareGroupings } from '../index.js';
import { openTrace } from '../trace/open.js';
import type { CacheFlags } from './cache.js';
import { UsageError } from './failure.js';
import { decimal, integer } from './numbers.js';
import { print } from './output.js';
import { groupingTable } from './regroup-table.js';
import { openOptions } from './trace/open-flags.js';

export interface RegroupFlags {
  regroup?: boolean;
  sequences?: number;
  turnSteps?: number;
  leastGain?: number;
  predictedExperts?: number;
  predictedFrom?: number;
  optimum?: boolean;
}

export function addRegroupFlags(command: Command): void {
  command
    .optionsGroup('What if sequences were regrouped:')
    .option(
      '--regroup',
      'compares ways to choose the --batch N (default: 8) sequences of a step among those that generate',
    )
    .option('--sequences <n>', 'that generate at a time (default: 16)', integer(2, 2 ** 14))
    .option('--turn-steps <n>', "steps before it is the next batch's turn (default: 1)", integer(1, 2 ** 20))
    .option('--least-gain <share>', 'that must be expected of another order (default: 0.02)', decimal(0, 1))
    .option(
      '--predicted-experts <n>',
      'experts of a layer that --predictor is taken to expect (default: k)',
      integer(1, 2 ** 15),
    )
    .option('--predicted-from <p>', 'instead: all that are at least so probable', decimal(0, 1))
    .option('--optimum', 'tries all groupings of each round, of 16 sequences at most');
}

const own = ['sequences', 'turnSteps', 'leastGain', 'predictedExperts', 'predictedFrom', 'optimum'] as const;
const others = {
  hot: '--hot',
  order: '--order',
  phase: '--phase',
  emptyPerSequence: '--empty-per-sequence',
  recall: '--recall',
  precision: '--precision',
  layersAhead: '--layers-ahead',
  bandwidth: '--bandwidth',
  expertTime: '--expert-time',
  html: '--html',
} as const;

/** @throws UsageError if there are flags of a regrouping without it */
export function checkNoRegroupFlags(flags: RegroupFlags): void {
  const stray = own.find((name) => flags[name] !== undefined);
  if (stray) throw new UsageError(`${flagOf(stray)} is for regrouping: --regroup is missing`);
}

export async function regroupByFlags(paths: string[], flags: CacheFlags, signal: AbortSignal): Promise<void> {
  const options = regroupOptions(flags);
  const trace = await openTrace(paths, openOptions(flags));
  const rows = await compareGroupings(trace, { ...options, signal });
  await print(flags.json ? `${JSON.stringify(rows)}\n` : groupingTable(trace, rows, options), signal);
}

/** @throws UsageError for flags that do not go together */
function regroupOptions(flags: CacheFlags): CompareGroupingsOptions {
  const { slots, bytes, policy, scope, expertBytes, promptTokens, holdout, seed, predictor, leastProbability } = flags;
  const { sequences, batch = [8], turnSteps, leastGain, predictedExperts, predictedFrom, optimum } = flags;
  for (const [name, flag] of Object.entries(others)) {
    const value = flags[name as keyof typeof others];
    if (value === undefined || (name === 'phase' && value === 'all') || (name === 'order' && value === 'engine'))
      continue;
    throw new UsageError(`${flag} is not for --regroup`);
  }
  if (!flags.overlap) throw new UsageError('--no-overlap is not for --regroup');
  if (batch.length !== 1) throw new UsageError('--batch must be one number with --regroup, as in --batch 8');
  if (predictedExperts !== undefined && predictedFrom !== undefined) {
    throw new UsageError('--predicted-experts and --predicted-from say the same in two ways: one is enough');
  }
  const ofPredictor = { predictedExperts, predictedFrom, leastProbability };
  const stray = Object.entries(ofPredictor).find(([, value]) => value !== undefined && predictor === undefined);
  if (stray) throw new UsageError(`${flagOf(stray[0])} is for a trained predictor: --predictor is missing`);
  if (!slots && !bytes && (policy || expertBytes !== undefined)) {
    throw new UsageError('--policy and --expert-bytes are for caches: --slots or --bytes is missing');
  }
  return {
    sequences,
    batch: batch[0],
    turnSteps,
    leastGain,
    predictor,
    predictedSet:
      predictedExperts !== undefined
        ? { most: predictedExperts }
        : predictedFrom !== undefined
          ? { leastProbability: predictedFrom }
          : undefined,
    leastProbability,
    optimum,
    seed,
    holdout,
    slots,
    bytes,
    policies: policy,
    scope,
    expertBytes,
    promptTokens,
  };
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
