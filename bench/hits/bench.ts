// npm run bench:hits -- [FOLDER]     (or MOEFLOW_TRACES=FOLDER npm run bench:hits)
// Recounts the reference values of published traces, which lie in FOLDER, and fails if one is not met to the last hit. Then
// measures how fast caches are simulated. Without a folder, speed alone, on a trace of the demo model.
import { join } from 'node:path';
import { compareCaches } from '../../lib/cache-sim/compare.js';
import { type CompareCachesOptions, simulatedPolicies } from '../../lib/cache-sim/options.js';
import { traceStatistics } from '../../lib/trace/statistics.js';
import { type Trace, type TraceTokens, traceInMemory } from '../../lib/trace/trace.js';
import { describeRun, warnIfBusy } from '../shared/machine.js';
import { program } from '../shared/program.js';
import { repository } from '../shared/runtimes.js';
import { median } from '../shared/statistics.js';
import { table } from '../shared/table.js';
import { Checked } from './checked.js';
import { demoTrace } from './demo-trace.js';
import { openPublished, type PublishedTrace, published } from './published-traces.js';
import { batched, globalHits, references } from './reference.js';
import { boundOf, wholeGroups } from './side-by-side.js';

// Compiled code is not where the addon is looked for.
process.env.MOEFLOW_ADDON ??= join(repository, 'build/Release/moeflow.node');

await program(async () => {
  const [folder = process.env.MOEFLOW_TRACES] = process.argv.slice(2);
  if (folder) {
    await recount(folder);
    await measureSpeed(await repeated(await openPublished(folder, 'gpt-oss-20b'), 1));
  } else {
    console.log('Skipped: the reference values. Name the folder of published traces, or set MOEFLOW_TRACES to it.\n');
    await measureSpeed(await repeated(await demoTrace(), 50));
  }
});

async function recount(folder: string): Promise<void> {
  const traces = new Map<string, Trace>();
  for (const name of published) traces.set(name, await openPublished(folder, name));
  const checked = new Checked();
  const named = (name: PublishedTrace) => traces.get(name) as Trace;
  for (const { trace, accesses, reuse, hits } of references) {
    const statistics = await traceStatistics(named(trace));
    checked.add(trace, 'reused at once', reuse[0], statistics.reuse.reused, reuse[1]);
    checked.add(trace, 'uses with one before', reuse[1], statistics.reuse.of);
    const rows = await compareCaches(named(trace), {
      policies: ['lru', 'belady'],
      slots: hits.map(([slots]) => slots),
      scope: 'layer',
      order: 'recorded',
      phase: 'decode',
      emptyPerSequence: true,
    });
    for (const [slots, lru, belady] of hits) {
      checked.row(trace, rows, { policy: 'lru', slots }, lru, accesses);
      checked.row(trace, rows, { policy: 'belady', slots }, belady, accesses);
    }
  }
  for (const [slots, hits] of globalHits) {
    const rows = await compareCaches(named('OLMoE-1B-7B'), {
      policies: ['lru'],
      slots: [slots],
      order: 'recorded',
    });
    checked.row('OLMoE-1B-7B, all layers', rows, { policy: 'lru', slots }, hits, 38_272);
  }
  for (const { batch, needs, hits } of batched) {
    const groups = await wholeGroups(named('gpt-oss-20b'), batch);
    for (const order of ['residents-first', 'strict'] as const) {
      const rows = await compareCaches(groups, {
        policies: ['lru'],
        slots: hits.map(([slots]) => slots),
        scope: 'layer',
        batches: [batch],
        order,
        emptyPerSequence: true,
      });
      for (const [slots, first, strict] of hits) {
        const expected = order === 'strict' ? strict : first;
        checked.row(`gpt-oss-20b, ${batch} at once, ${order}`, rows, { policy: 'lru', slots }, expected, needs);
      }
    }
    for (const [slots, , , bound] of hits) {
      const counted = await boundOf(groups, batch, slots);
      checked.add(`gpt-oss-20b, ${batch} at once`, `bound, ${slots} slots: hits`, bound, counted, needs);
    }
  }
  checked.report();
}

async function repeated(trace: Trace, times: number): Promise<Trace> {
  const parts: TraceTokens[] = [];
  for await (const part of trace.chunks()) parts.push(part);
  return traceInMemory(trace, ...new Array<TraceTokens[]>(times).fill(parts).flat());
}

/** Uses per second of each policy, by one simulation on one thread. */
async function measureSpeed(trace: Trace): Promise<void> {
  console.log(describeRun('simulated uses of experts per second', trace.model ?? 'trace', 1));
  warnIfBusy();
  const half = trace.experts / 2;
  const shapes: [string, Partial<CompareCachesOptions>][] = [
    [`${half} slots per layer`, { scope: 'layer', slots: [half] }],
    [`${half * trace.layers} slots for all`, { scope: 'global', slots: [half * trace.layers] }],
  ];
  const lines = [['policy', ...shapes.map(([name]) => name)]];
  for (const policy of simulatedPolicies) {
    const line: string[] = [policy];
    for (const [, shape] of shapes) {
      const speeds: number[] = [];
      for (let round = 0; round < 3; round++) {
        const start = performance.now();
        const rows = await compareCaches(trace, { policies: [policy], ...shape });
        const accesses = rows.reduce((sum, row) => sum + row.accesses, 0);
        speeds.push(accesses / (performance.now() - start) / 1000);
      }
      line.push(`${median(speeds).toFixed(1)} million`);
    }
    lines.push(line);
  }
  for (const text of table(lines)) console.log(text);
}
