/** What `moeflow cache` says: for each phase and batch a table, the best policy of each size first. */

import type { CacheRow } from '../cache-sim/compare.js';
import { formatBytes, formatCount, formatNumber, formatShare, formatTable } from '../report/format.js';
import type { TraceHeader } from '../trace/trace.js';

interface Column {
  head: string;
  text: (row: CacheRow) => string;
  /** Whether it is shown; always where that is not said. */
  when?: (rows: readonly CacheRow[]) => boolean;
}

const columns: readonly Column[] = [
  { head: 'policy', text: ({ policy }) => policy },
  { head: 'hit rate', text: ({ hitRate }) => formatShare(hitRate) },
  { head: 'misses/token', text: ({ missesPerToken }) => formatNumber(missesPerToken) },
  {
    head: 'read/token',
    text: ({ bytesPerToken }) => formatBytes(Math.round(bytesPerToken as number)),
    when: ([row]) => row?.bytesPerToken !== null,
  },
  {
    head: 'fetched ahead',
    text: ({ prefetches }) => formatCount(prefetches),
    when: (rows) => rows.some(({ prefetches }) => prefetches > 0),
  },
  {
    head: 'hits by that',
    text: ({ prefetchHits }) => formatCount(prefetchHits),
    when: (rows) => rows.some(({ prefetches }) => prefetches > 0),
  },
  {
    head: 'wasted',
    text: ({ wastedPrefetches }) => formatCount(wastedPrefetches),
    when: (rows) => rows.some(({ prefetches }) => prefetches > 0),
  },
  {
    head: 'tokens/s',
    text: ({ tokensPerSecond }) => formatNumber(tokensPerSecond as number),
    when: ([row]) => row?.tokensPerSecond !== null,
  },
  {
    head: 'waiting',
    text: ({ stallSeconds, seconds }) => formatShare((stallSeconds as number) / (seconds || 1)),
    when: ([row]) => row?.stallSeconds !== null,
  },
];

export function cacheTable({ model, layers, experts, k }: TraceHeader, rows: readonly CacheRow[]): string {
  const shape = `${layers} layers, ${k} of ${experts} experts per token`;
  const title = `${model ? `${model}: ` : ''}${shape}\n`;
  if (rows.length === 0) return `${title}\nno tokens of this phase\n`;
  const groups = new Map<string, CacheRow[]>();
  for (const row of rows) {
    const name = `${row.phase} ${row.batch}`;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return `${title}${[...groups.values()].map(groupText).join('')}`;
}

function groupText(rows: readonly CacheRow[]): string {
  const { phase, batch, tokens } = rows[0] as CacheRow;
  const what = phase === 'decode' ? 'generated tokens' : 'tokens of prompts';
  const sideBySide = batch > 1 ? `, ${batch} sequences side by side` : '';
  const shown = columns.filter(({ when }) => when === undefined || when(rows));
  const sizes = [...new Set(rows.map(sizeText))];
  const lines = sizes.flatMap((size) =>
    rows
      .filter((row) => sizeText(row) === size)
      .sort((a, b) => b.hitRate - a.hitRate)
      .map((row, i) => [i === 0 ? size : '', ...shown.map(({ text }) => text(row))]),
  );
  const table = formatTable(
    [['places', ...shown.map(({ head }) => head)], ...lines],
    shown.slice(1).map((_, i) => i + 2),
  );
  return `\n${formatCount(tokens)} ${what}${sideBySide}\n${table}`;
}

export function sizeText({ slots, scope, share, capacityBytes }: CacheRow): string {
  const places = `${formatCount(slots)}${scope === 'layer' ? ' per layer' : ''}, ${formatShare(share)}`;
  return capacityBytes === null ? places : `${formatBytes(capacityBytes)}: ${places}`;
}
