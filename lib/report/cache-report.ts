/** The report of `moeflow cache`: hit rate against capacity, load of the experts, and how soon they are used again. */

import { chosenChunks } from '../cache-sim/chunks.js';
import type { CacheRow } from '../cache-sim/compare.js';
import { type CompareCachesOptions, defaultLeastProbability, isTrained } from '../cache-sim/options.js';
import { ReuseDistances, RouteSummary } from '../cache-sim/summary.js';
import { bytesOf } from '../sizes.js';
import type { Trace } from '../trace/trace.js';
import { cacheScript } from './cache-script.js';
import { formatCount, formatShare } from './format.js';
import { htmlFacts, htmlTable, page } from './page.js';

/** What the script draws. Shares are in percent; null where there is no value. */
interface CacheReportData {
  groups: {
    id: string;
    /** Rising, of all experts. */
    shares: number[];
    policies: string[];
    /** [policies][shares] */
    hitRates: (number | null)[][];
    speeds?: (number | null)[][];
  }[];
  /** [layers][experts], as multiples of a layer's mean. */
  load: { layers: number; experts: number; loads: number[] };
  /** By rising distance: the share of uses that have it, and of those that have at most it. */
  reuse: { distances: number[]; uses: number[]; reached: number[] };
}

/**
 * @param rows    what {@link compareCaches} found with these options
 * @returns HTML that needs no network
 */
export async function cacheReport(
  trace: Trace,
  rows: readonly CacheRow[],
  options: CompareCachesOptions,
): Promise<string> {
  const summary = new RouteSummary(trace);
  const reuse = new ReuseDistances(trace);
  for await (const tokens of chosenChunks(trace, options, options.signal)) {
    summary.add(tokens);
    reuse.add(tokens);
  }
  const groups = groupsOf(rows);
  const data: CacheReportData = { groups: groups.map(chartOf), load: loadOf(trace, summary), reuse: reuseOf(reuse) };
  const title = `Expert caches${trace.model ? ` on ${trace.model}` : ''}`;
  const body = [
    facts(trace, summary, options),
    ...hitRateSections(groups, data),
    loadSection(trace),
    reuseSection(),
    numbers(rows),
  ].join('\n');
  return page({ title, body, data, script: cacheScript });
}

interface Group {
  id: string;
  title: string;
  rows: CacheRow[];
}

/** Of each phase and batch. */
function groupsOf(rows: readonly CacheRow[]): Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const id = `hits-${row.phase}-${row.batch}`;
    const what = row.phase === 'decode' ? 'Generated tokens' : 'Tokens of prompts';
    const title = row.batch > 1 ? `${what}, ${row.batch} sequences side by side` : what;
    const group = groups.get(id) ?? { id, title, rows: [] };
    group.rows.push(row);
    groups.set(id, group);
  }
  return [...groups.values()];
}

function chartOf({ id, rows }: Group): CacheReportData['groups'][number] {
  const shares = [...new Set(rows.map(({ share }) => share))].sort((a, b) => a - b);
  const policies = [...new Set(rows.map(({ policy }) => policy))];
  const valuesOf = (value: (row: CacheRow) => number | null) =>
    policies.map((policy) =>
      shares.map((share) => {
        const row = rows.find((one) => one.policy === policy && one.share === share);
        return row ? value(row) : null;
      }),
    );
  return {
    id,
    shares: shares.map((share) => 100 * share),
    policies,
    hitRates: valuesOf(({ hitRate }) => 100 * hitRate),
    ...(rows[0]?.tokensPerSecond === null ? {} : { speeds: valuesOf(({ tokensPerSecond }) => tokensPerSecond) }),
  };
}

function loadOf({ layers, experts }: Trace, { uses }: RouteSummary): CacheReportData['load'] {
  const loads: number[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const ofLayer = uses.subarray(layer * experts, (layer + 1) * experts);
    const mean = ofLayer.reduce((sum, count) => sum + count, 0) / experts || 1;
    for (const count of ofLayer) loads.push(Math.round((1000 * count) / mean) / 1000);
  }
  return { layers, experts, loads };
}

function reuseOf({ uses, first }: ReuseDistances): CacheReportData['reuse'] {
  const all = uses.reduce((sum, count) => sum + count, first) || 1;
  const last = uses.findLastIndex((count) => count > 0);
  const shares = Array.from(uses.subarray(0, Math.max(1, last + 1)), (count) => (100 * count) / all);
  let sum = 0;
  const reached = shares.map((share) => {
    sum += share;
    return sum;
  });
  return { distances: shares.map((_, i) => i + 1), uses: shares, reached };
}

function predictionFact(prediction: NonNullable<CompareCachesOptions['prediction']>): string {
  if (isTrained(prediction)) {
    const { predictor, leastProbability = defaultLeastProbability } = prediction;
    return `${typeof predictor === 'string' ? predictor : 'by a trained predictor'}, fetched from a probability of ${leastProbability} on`;
  }
  const { recall = 1, precision = 1, layersAhead = 1 } = prediction;
  return `recall ${recall}, precision ${precision}, up to ${layersAhead} ${layersAhead === 1 ? 'layer' : 'layers'} ahead`;
}

function facts(trace: Trace, summary: RouteSummary, options: CompareCachesOptions): string {
  const { order = 'engine', scope = 'global', phase = 'all', emptyPerSequence, prediction, cost } = options;
  const lines: [string, string][] = [
    ['trace', `${trace.layers} layers, ${trace.k} of ${trace.experts} experts per token`],
    [
      'tokens',
      `${formatCount(summary.tokens)} in ${formatCount(summary.lengths.size)} ${summary.lengths.size === 1 ? 'sequence' : 'sequences'}${phase === 'all' ? '' : `, ${phase} only`}`,
    ],
    ['places', scope === 'global' ? 'shared by all layers' : 'of each layer by itself'],
    ['order of access', order],
    ['caches', emptyPerSequence ? 'empty at the beginning of each sequence' : 'kept from sequence to sequence'],
  ];
  if (prediction) {
    lines.push(['predicted', predictionFact(prediction)]);
  }
  if (cost) {
    const overlap = cost.overlap === false ? 'nothing at the same time' : 'reads while experts are computed';
    lines.push([
      'cost',
      `${formatCount(bytesOf(cost.bandwidth) / 1e6)} MB/s, ${(cost.expertSeconds ?? 0) * 1e6} µs per expert, ${overlap}`,
    ]);
  }
  return htmlFacts(lines);
}

function hitRateSections(groups: readonly Group[], data: CacheReportData): string[] {
  const hasSpeeds = data.groups.some(({ speeds }) => speeds);
  const several = new Set(groups.map(({ rows }) => rows[0]?.phase)).size > 1;
  const charts = (suffix: string, label: string) =>
    groups
      .map(
        ({ id, title }) =>
          `<h3>${title}</h3><div class="chart" id="${id}${suffix}" role="img" aria-label="${label}: ${title}; the numbers are in the table below"></div>`,
      )
      .join('\n');
  const sections = [
    `<h2>Hit rate against capacity</h2>
<p>The share of the experts that layers asked for which were in memory. Belady, which knows the future, is the bound of all policies that read only what is asked for${several ? ': of prompts and generated tokens together, not of each alone' : ''}.</p>
${charts('', 'Hit rate against capacity')}`,
  ];
  if (hasSpeeds) {
    sections.push(`<h2>Speed against capacity</h2>
<p>By the cost of reads and of computing experts alone: attention and all else take no time here.</p>
${charts('-speed', 'Tokens per second against capacity')}`);
  }
  return sections;
}

function loadSection({ layers, experts, k }: Trace): string {
  // No load is above that of an expert that every token uses.
  const key = [0, 0.5, 1, 2, 4, 8, 16]
    .filter((load) => load <= Math.max(1, experts / k))
    .map(
      (load) =>
        `<span><i data-load="${load}"></i>${load === 1 ? 'the mean' : load === 0 ? 'not used' : `${load} times`}</span>`,
    )
    .join('');
  return `<h2>Load of the experts</h2>
<p>Tokens that use each expert, as a multiple of the mean of its layer.</p>
<div class="heat">
<div class="rows"><span>layer 0</span><span>layer ${layers - 1}</span></div>
<canvas id="load" role="img" aria-label="Load of ${experts} experts in each of ${layers} layers"></canvas>
<div class="columns"><span>expert 0</span><span>expert ${experts - 1}</span></div>
</div>
<div class="scale">${key}</div>
<output id="load-said">Point at a cell to read it.</output>`;
}

function reuseSection(): string {
  return `<h2>How soon experts are used again</h2>
<p>Reuse distance: how many different experts of its layer were used since an expert's last use, token by token in the order of the trace. A least-recently-used cache of one layer that takes experts one by one (order recorded) hits what is not farther away than it has places.</p>
<div class="chart" id="reuse" role="img" aria-label="Histogram of reuse distances"></div>`;
}

interface Column {
  head: string;
  /** Null in all rows: the column is left out. */
  text: (row: CacheRow) => string | null;
}

const columns: readonly Column[] = [
  { head: 'policy', text: ({ policy }) => policy },
  { head: 'phase', text: ({ phase }) => phase },
  { head: 'batch', text: ({ batch }) => String(batch) },
  { head: 'places', text: ({ slots }) => formatCount(slots) },
  { head: 'of all', text: ({ share }) => formatShare(share) },
  { head: 'accesses', text: ({ accesses }) => formatCount(accesses) },
  { head: 'hits', text: ({ hits }) => formatCount(hits) },
  { head: 'hit rate', text: ({ hitRate }) => `${(100 * hitRate).toFixed(2)} %` },
  { head: 'misses/token', text: ({ missesPerToken }) => missesPerToken.toFixed(2) },
  { head: 'read/token, MB', text: ({ bytesPerToken }) => fixed(bytesPerToken, 1e6) },
  { head: 'tokens/s', text: ({ tokensPerSecond }) => fixed(tokensPerSecond) },
  { head: 'waiting, s', text: ({ stallSeconds }) => fixed(stallSeconds) },
];

/** For those who cannot see the charts, or want the numbers. */
function numbers(rows: readonly CacheRow[]): string {
  const shown = columns.filter(({ text }) => rows.some((row) => text(row) !== null));
  const lines = rows.map((row) => shown.map(({ text }) => text(row) ?? ''));
  return `<details><summary>All numbers</summary>${htmlTable([shown.map(({ head }) => head), ...lines])}</details>`;
}

function fixed(value: number | null, unit = 1): string | null {
  return value === null ? null : (value / unit).toFixed(2);
}
