/** `moeflow trace info`: what a trace is like. */

import type { Command } from 'commander';
import { formatBytes, formatCount, formatNumber, formatTable } from '../../report/format.js';
import { openTrace } from '../../trace/open.js';
import { type TraceStatistics, traceStatistics } from '../../trace/statistics.js';
import type { TraceHeader } from '../../trace/trace.js';
import { interruptible } from '../interruption.js';
import { print } from '../output.js';
import { addOpenFlags, type OpenFlags, openOptions } from './open-flags.js';

interface InfoFlags extends OpenFlags {
  json?: boolean;
}

export function addInfo(trace: Command): void {
  const command = trace
    .command('info')
    .description('Says what a trace holds: shape, sequences, reuse between tokens, evenness of load.')
    .argument('<trace...>', 'Parquet file, folder of its parts, or a file of a format that can be imported');
  addOpenFlags(command)
    .option('--json', 'one JSON object, with the load of every expert')
    .addHelpText(
      'after',
      `
Reuse is the share of a token's experts that the token before used too, in the same layer and sequence. Entropy is that of the
load, as a share of what even use would have. Imbalance is the load of the most used expert over the mean.

Examples:
  $ moeflow trace info routes/
  $ moeflow trace info trace.npy --experts 64 --json`,
    )
    .action((paths: string[], flags: InfoFlags) => interruptible((signal) => info(paths, flags, signal)));
}

async function info(paths: string[], flags: InfoFlags, signal: AbortSignal): Promise<void> {
  const trace = await openTrace(paths, openOptions(flags));
  const statistics = await traceStatistics(trace, signal);
  const { chunks, ...header } = trace;
  await print(flags.json ? `${JSON.stringify({ ...header, ...statistics })}\n` : textOf(header, statistics), signal);
}

function textOf(header: TraceHeader, statistics: TraceStatistics): string {
  const { layers, experts, k, ranked, model, architecture, expertBytes } = header;
  const { tokens, prefillTokens, decodeTokens, sequences, reuse, meanReuse, prefillReuse } = statistics;
  const sizes = expertBytes?.length ? [Math.min(...expertBytes), Math.max(...expertBytes)].map(formatBytes) : [];
  const rows = [
    ['model', [model, architecture].filter(Boolean).join(', ') || 'not recorded'],
    ['shape', `${layers} layers, ${k} of ${experts} experts per token`],
    ['order', ranked ? "the router's" : 'lost: rank 0 is not the most wanted expert'],
    ['expert', sizes.length ? [...new Set(sizes)].join(' to ') : 'size not recorded'],
    ['sequences', formatCount(sequences)],
    [
      'tokens',
      `${formatCount(tokens)}: ${formatCount(prefillTokens)} of prompts, ${formatCount(decodeTokens)} generated`,
    ],
    [
      'reuse',
      decodeTokens > 0 ? `${rate(reuse.rate)} (${formatCount(reuse.reused)} of ${formatCount(reuse.of)})` : '-',
    ],
    ['', decodeTokens > 0 ? `${rate(meanReuse)} in the mean of the sequences` : ''],
    ['reuse in prompts', prefillReuse.of > 0 ? rate(prefillReuse.rate) : '-'],
  ];
  const head = ['layer', 'reuse', 'entropy', 'imbalance', 'experts used'];
  const lines = statistics.perLayer.map((layer, i) => [
    String(i),
    rate(layer.reuse.rate),
    rate(layer.entropyShare),
    formatNumber(layer.imbalance),
    String(layer.load.filter((count) => count > 0).length),
  ]);
  return `${formatTable(rows.filter(([name, value]) => name !== '' || value !== ''))}\n${formatTable([head, ...lines], [0, 1, 2, 3, 4])}`;
}

function rate(value: number): string {
  return value.toFixed(3);
}
