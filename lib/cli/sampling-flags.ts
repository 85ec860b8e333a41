/** The flags that decide which tokens are generated, and how many. */

import type { Command } from 'commander';
import type { GenerateOptions } from '../index.js';
import { decimal, integer, seed } from './numbers.js';

export type SamplingFlags = Pick<
  GenerateOptions,
  'maxTokens' | 'temperature' | 'topK' | 'topP' | 'minP' | 'repeatPenalty' | 'seed' | 'stop' | 'ignoreEos'
>;

export function addSamplingFlags(command: Command): void {
  command
    .optionsGroup('Sampling:')
    .option('-n, --max-tokens <n>', 'most tokens to generate (default: until the context is full)', integer(1))
    .option('-t, --temperature <x>', '0 always takes the most likely token (default: 0)', decimal(0, 1e6))
    .option('--top-k <n>', 'sample among the n most likely tokens (default: 0, all)', integer(0, 2 ** 31 - 1))
    .option('--top-p <x>', 'among the fewest that together reach this probability (default: 1)', decimal(0, 1))
    .option(
      '--min-p <x>',
      "drop tokens below this share of the likeliest one's probability (default: 0)",
      decimal(0, 1),
    )
    .option('--repeat-penalty <x>', 'above 1 makes the last 64 tokens less likely (default: 1)', decimal(1e-3, 1e3))
    .option('--seed <n>', 'same seed, same text (default: a random one)', seed)
    .option('--stop <text>', 'end before this text; may be given several times', collect)
    .option('--ignore-eos', "go on after the model's end token");
}

export function samplingByFlags(flags: SamplingFlags): SamplingFlags {
  const { maxTokens, temperature, topK, topP, minP, repeatPenalty, seed, stop, ignoreEos } = flags;
  return { maxTokens, temperature, topK, topP, minP, repeatPenalty, seed, stop, ignoreEos };
}

function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}
