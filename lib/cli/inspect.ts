/** `moeflow inspect`: what a GGUF file holds, and whether moeflow can run it. */

import type { Command } from 'commander';
import { inspectModel } from '../index.js';
import { reportOf, textOf } from './inspection-report.js';
import { print } from './output.js';

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('Shows what a GGUF file holds, and whether moeflow can run it. Reads its header only.')
    .argument('<file>', 'GGUF file, one of its shards, or a folder with one model')
    .option('--json', 'one JSON object; sizes in bytes')
    .addHelpText(
      'after',
      `
Examples:
  $ moeflow inspect olmoe.gguf
  $ moeflow inspect qwen3-00001-of-00002.gguf --json`,
    )
    .action(inspect);
}

async function inspect(path: string, flags: { json?: boolean }): Promise<void> {
  const report = reportOf(await inspectModel(path));
  await print(flags.json ? `${JSON.stringify(report)}\n` : textOf(report));
}
