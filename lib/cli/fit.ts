/** `moeflow fit`: how a memory budget would be spent on a model. */

import type { Command } from 'commander';
import { type MemoryUse, planMemory } from '../index.js';
import { formatBytes, formatCount, formatShare, formatTable } from '../report/format.js';
import { addMemoryFlags, type MemoryFlags, memoryOptions } from './memory-flags.js';
import { print } from './output.js';

interface FitFlags extends MemoryFlags {
  json?: boolean;
}

export function addFit(program: Command): void {
  const command = program
    .command('fit')
    .description('Says how memory would be spent on a model, and whether it fits. Reads its header only.')
    .argument('<file>', 'GGUF file, one of its shards, or a folder with one model');
  addMemoryFlags(command)
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
  const memory = await planMemory(path, memoryOptions(flags));
  await print(flags.json ? `${JSON.stringify(memory)}\n` : textOf(memory));
}

function textOf(memory: MemoryUse): string {
  const { processBytes, denseBytes, kvCacheBytes, workspaceBytes, deviceBytes, predictorBytes, expertBytes } = memory;
  const total = processBytes + denseBytes + kvCacheBytes + workspaceBytes + deviceBytes + predictorBytes + expertBytes;
  const places = memory.allExperts
    ? `all ${formatCount(memory.experts)}`
    : `${formatCount(memory.expertSlots)} of ${formatCount(memory.experts)} (${formatShare(memory.expertSlots / memory.experts)})`;
  const rows = [
    ['the process itself', formatBytes(processBytes)],
    ['weights outside the experts', formatBytes(denseBytes)],
    ['key/value cache', formatBytes(kvCacheBytes)],
    ['activations', formatBytes(workspaceBytes)],
    ...(deviceBytes > 0 ? [['experts on the emulated device', formatBytes(deviceBytes)]] : []),
    ...(predictorBytes > 0 ? [['predictor of routes', formatBytes(predictorBytes)]] : []),
    ['experts', formatBytes(expertBytes), places],
    ['in all', formatBytes(total), budgetText(memory)],
  ];
  return formatTable(rows, [1]);
}

function budgetText({ budgetBytes, budgetChosen }: MemoryUse): string {
  if (budgetBytes === undefined) return 'fits in what is free';
  return `of a budget of ${formatBytes(budgetBytes)}${budgetChosen ? ', most of what is free' : ''}`;
}
