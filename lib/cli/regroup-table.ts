/** What `moeflow cache --regroup` says: a table of ways to make batches, and one for each cache. */

import type { CacheRow } from '../cache-sim/compare.js';
import type { CompareGroupingsOptions, GroupingRow } from '../cache-sim/regroup.js';
import { formatBytes, formatCount, formatNumber, formatShare, formatTable } from '../report/format.js';
import type { TraceHeader } from '../trace/trace.js';
import { sizeText } from './cache-table.js';

export function groupingTable(
  { model, layers, experts, k }: TraceHeader,
  rows: readonly GroupingRow[],
  { sequences = 16, batch = 8, turnSteps = 1 }: CompareGroupingsOptions,
): string {
  const first = rows[0] as GroupingRow;
  const turns = turnSteps > 1 ? `, turns of ${turnSteps} steps` : '';
  return [
    `${model ? `${model}: ` : ''}${layers} layers, ${k} of ${experts} experts per token\n`,
    `\n${formatCount(first.tokens)} generated tokens; ${sequences} sequences, ${batch} in a step${turns}\n`,
    activatedTable(rows),
    ...first.caches.map((cache, i) => cacheTable(cache, rows, i)),
  ].join('');
}

function activatedTable(rows: readonly GroupingRow[]): string {
  const lines = rows.map((row) => [
    nameOf(row),
    formatNumber(row.activatedPerStep),
    formatNumber(row.activatedPerToken),
    formatShare(row.saved),
    row.longestWait === null ? '' : formatCount(row.longestWait),
  ]);
  return formatTable([['batches', 'experts/step', 'experts/token', 'saved', 'longest wait'], ...lines], [1, 2, 3, 4]);
}

function cacheTable(cache: CacheRow, rows: readonly GroupingRow[], at: number): string {
  const perToken = ({ loads, bytes }: CacheRow) => bytes ?? (loads as number);
  const reads = (row: CacheRow) => perToken(row) / (row.tokens || 1);
  const lines = rows
    .filter(({ caches }) => caches.length > 0)
    .map((row) => {
      const own = row.caches[at] as CacheRow;
      return [
        nameOf(row),
        formatShare(own.hitRate),
        own.bytesPerToken === null ? formatNumber(reads(own)) : formatBytes(Math.round(own.bytesPerToken)),
        formatShare(1 - reads(own) / (reads(cache) || 1)),
      ];
    });
  const table = formatTable([['batches', 'hit rate', 'read/token', 'saved'], ...lines], [1, 2, 3]);
  return `\n${cache.policy}, places: ${sizeText(cache)}\n${table}`;
}

const words: Record<NonNullable<GroupingRow['routes']>, string> = {
  true: 'true routes',
  predicted: 'predicted routes',
  previous: 'routes of the token before',
  habit: 'habits',
};

function nameOf({ method, routes }: GroupingRow): string {
  return routes === null ? method : `${method}, ${words[routes]}`;
}
