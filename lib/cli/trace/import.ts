/** `moeflow trace import`: other tools' routing traces as Parquet. */

import type { Command } from 'commander';
import { formatCount, formatTable } from '../../report/format.js';
import { importFormats } from '../../trace/import/formats.js';
import { openTrace } from '../../trace/open.js';
import { TraceWriter } from '../../trace/writer.js';
import { interruptible } from '../interruption.js';
import { addOpenFlags, type OpenFlags, openOptions } from './open-flags.js';

export function addImport(trace: Command): void {
  const command = trace
    .command('import')
    .description("Turns other tools' routing traces into Parquet.")
    .argument('<files...>', 'files of one format and shape; their sequences are numbered on')
    .requiredOption('-o, --out <path>', 'a .parquet file, or a folder for parts');
  addOpenFlags(command)
    .addHelpText(
      'after',
      `
Formats:
${formatTable(importFormats.map(({ name, what }) => [`  ${name}`, what]))}
Examples:
  $ moeflow trace import qwen.route.csv -o qwen.parquet
  $ moeflow trace import requests/*.npy --experts 128 -o routes.parquet`,
    )
    .action((paths: string[], flags: OpenFlags & { out: string }) =>
      interruptible((signal) => importTrace(paths, flags, signal)),
    );
}

async function importTrace(paths: string[], flags: OpenFlags & { out: string }, signal: AbortSignal): Promise<void> {
  const trace = await openTrace(paths, openOptions(flags));
  const { chunks, ...header } = trace;
  const writer = await TraceWriter.create(flags.out, header);
  let tokens = 0;
  try {
    for await (const chunk of trace.chunks()) {
      signal.throwIfAborted();
      await writer.write(chunk);
      tokens += chunk.count;
    }
    await writer.close();
  } catch (error) {
    await writer.discard();
    throw error;
  }
  const { layers, experts, k } = header;
  process.stderr.write(
    `imported ${formatCount(tokens)} tokens of ${layers} layers, ${k} of ${experts} experts each, to ${flags.out}\n`,
  );
}
