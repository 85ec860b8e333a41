/** `moeflow trace export`: a trace for other tools. */

import { open } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { exportFormats } from '../../trace/export/formats.js';
import { openTrace } from '../../trace/open.js';
import { interruptible } from '../interruption.js';
import { print } from '../output.js';
import { addOpenFlags, type OpenFlags, openOptions } from './open-flags.js';

interface ExportFlags extends OpenFlags {
  to: string;
  out: string;
}

export function addExport(trace: Command): void {
  const command = trace
    .command('export')
    .description('Writes a trace as CSV, JSON lines or a NumPy array.')
    .argument('<trace...>', 'Parquet file, folder of its parts, or a file of a format that can be imported')
    .addOption(new Option('--to <format>', 'what to write').choices(Object.keys(exportFormats)).makeOptionMandatory())
    .requiredOption('-o, --out <file>', 'where to; "-" is standard output');
  addOpenFlags(command)
    .addHelpText(
      'after',
      `
csv: a line per token, layer and expert. jsonl: a line per token. npy: int16 [tokens, layers, k], ids alone: sequences, phases,
weights, and whether experts are in the router's order, are lost.

Examples:
  $ moeflow trace export routes/ --to npy -o routes.npy
  $ moeflow trace export routes.parquet --to csv -o - | head`,
    )
    .action((paths: string[], flags: ExportFlags) => interruptible((signal) => exportTrace(paths, flags, signal)));
}

async function exportTrace(paths: string[], flags: ExportFlags, signal: AbortSignal): Promise<void> {
  const trace = await openTrace(paths, openOptions(flags));
  const file = flags.out === '-' ? undefined : await open(flags.out, 'w');
  try {
    await exportFormats[flags.to]?.(trace, async (piece) => {
      signal.throwIfAborted();
      await (file ? file.writeFile(piece) : print(piece, signal));
    });
  } finally {
    await file?.close();
  }
  if (flags.to === 'npy' && !trace.ranked) {
    process.stderr.write("moeflow: note: the array's experts are not in the router's order, and it cannot say so\n");
  }
}
