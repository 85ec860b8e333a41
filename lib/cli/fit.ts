/** `moeflow fit`: how a memory budget would be spent on a model. */

import { type Command, Option } from 'commander';
import { type MemoryUse, planMemory } from '../index.js';
import { formatBytes, formatCount, formatShare, formatTable } from './format.js';
import { integer, size } from './numbers.js';
import { print } from './output.js';

interface FitFlags {
  ram?: number;
  context?: number;
  kvType?: 'auto' | 'f16' | 'f32';
  json?: boolean;
}

export function addFit(program: Command): void {
  program
    .command('fit')
    .description('Says how memory would be spent on a model, and whether it fits. Reads its header only.')
    .argument('<file>', 'GGUF file, one of its shards, or a folder with one model')
    .option('--ram <size>', 'memory that the process may take, as in 6GiB (default: what is free)', size)
    .option('--context <n>', "most tokens, prompt and text (default: the model's, at most 4096)", integer(1, 2 ** 24))
    .addOption(new Option('--kv-type <type>', 'precision of the key/value cache').choices(['auto', 'f16', 'f32']))
    .option('--json', 'one JSON object; sizes in bytes')
    .addHelpText(
      'after',
      `
Exit codes: 0 if it fits, 1 if not; the error then names the smallest budget that works.

Examples:
  $ moeflow fit qwen3-30b.gguf --ram 8GiB
  $ moeflow fit olmoe.gguf --context 2048 --json`,
    )
    .action(fit);
}

async function fit(path: string, flags: FitFlags): Promise<void> {
  const { ram, context, kvType, json } = flags;
  const memory = await planMemory(path, { ram, contextLength: context, kvType });
  await print(json ? `${JSON.stringify(memory)}\n` : textOf(memory));
}

function textOf(memory: MemoryUse): string {
  const total =
    memory.processBytes + memory.denseBytes + memory.kvCacheBytes + memory.workspaceBytes + memory.expertBytes;
  const places = memory.allExperts
    ? `all ${formatCount(memory.experts)}`
    : `${formatCount(memory.expertSlots)} of ${formatCount(memory.experts)} (${formatShare(memory.expertSlots / memory.experts)})`;
  const rows = [
    ['the process itself', formatBytes(memory.processBytes)],
    ['weights outside the experts', formatBytes(memory.denseBytes)],
    ['key/value cache', formatBytes(memory.kvCacheBytes)],
    ['activations', formatBytes(memory.workspaceBytes)],
    ['experts', formatBytes(memory.expertBytes), places],
    ['in all', formatBytes(total), budgetText(memory)],
  ];
  return formatTable(rows, [1]);
}

function budgetText({ budgetBytes, budgetChosen }: MemoryUse): string {
  if (budgetBytes === undefined) return 'fits in what is free';
  return `of a budget of ${formatBytes(budgetBytes)}${budgetChosen ? ', most of what is free' : ''}`;
}
