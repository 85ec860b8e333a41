/** The flags that decide how many requests are taken on at a time. */

import { type Command, Option } from 'commander';
import { type LoadModelOptions, schedulingChoices } from '../index.js';
import { integer } from './numbers.js';

export type SchedulingFlags = Pick<
  LoadModelOptions,
  'maxSequences' | 'maxQueued' | 'kvCacheTokens' | 'sequencesPerStep' | 'scheduling'
>;

export function addSchedulingFlags(command: Command): void {
  command
    .optionsGroup('Requests at a time:')
    .option('--max-sequences <n>', 'generations under way, at most (default: 16)', integer(1, 2 ** 16))
    .option(
      '--sequences-per-step <n>',
      'of these, those that one step computes, at most (default: all)',
      integer(1, 2 ** 16),
    )
    .addOption(
      new Option(
        '--scheduling <name>',
        'which of them those are: who waits longest, who shares experts, or what is faster',
      )
        .choices(schedulingChoices)
        .default('auto'),
    )
    .option('--max-queued <n>', 'generations that wait, at most; more are refused', integer(0, 2 ** 24), 1024)
    .option(
      '--kv-cache-tokens <n>',
      'room for tokens of all generations (default: --context, and up to 16 times that where memory is left)',
      integer(1, 2 ** 40),
    );
}

export function schedulingOptions(flags: SchedulingFlags): SchedulingFlags {
  const { maxSequences, maxQueued, kvCacheTokens, sequencesPerStep, scheduling } = flags;
  return { maxSequences, maxQueued, kvCacheTokens, sequencesPerStep, scheduling };
}
