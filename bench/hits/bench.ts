// npm run bench:hits -- [FOLDER]     (or MOEFLOW_TRACES=FOLDER npm run bench:hits)
// Recounts the reference values of published traces, which lie in FOLDER, and fails if one is not met to the last hit. Then
// measures how fast caches are simulated. Without a folder, speed alone, on a trace of the demo model.
import { join } from 'node:path';
import { compareCaches } from '../../lib/cache-sim/compare.js';
import { type CompareCachesOptions, simulatedPolicies } from '../../lib/cache-sim/options.js';
import { DECODE, type Trace, type TraceTokens, traceInMemory } from '../../lib/trace/trace.js';
import { describeRun, warnIfBusy } from '../shared/machine.js';
import { repository } from '../shared/runtimes.js';
import { median } from '../shared/statistics.js';
import { table } from '../shared/table.js';
import { Checked } from './checked.js';
import { demoTrace } from './demo-trace.js';
import { batched, globalHits, references } from './reference.js';
import { bigMoeOnEdge, gptOss20b, warp } from './reference-traces.js';

// Compiled code is not where the addon is looked for.
process.env.MOEFLOW_ADDON ??= join(repository, 'build/Release/moeflow.node');

try {
  const [folder = process.env.MOEFLOW_TRACES] = process.argv.slice(2);
  if (folder) {
    await recount(folder);
    await measureSpeed(gptOss20b(folder));
  } else {
    console.log('Skipped: the reference values. Name the folder of published traces, or set MOEFLOW_TRACES to it.\n');
    await measureSpeed(await repeated(await demoTrace(), 50));
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

async function recount(folder: string): Promise<void> {
  const traces = new Map<string, Trace>([
    ['gpt-oss-20b', gptOss20b(folder)],
    ['OLMoE-1B-7B', warp(folder, 'trace_olmoe_299.jsonl', 'OLMoE-1B-7B', 64)],
    ['Kimi-Linear-48B', warp(folder, 'trace_kimi_300.jsonl', 'Kimi-Linear-48B', 256)],
    ['Qwen3-30B-A3B', bigMoeOnEdge(folder, 'qwen.route.csv')],
    ['Gemma-4-26B', bigMoeOnEdge(folder, 'gemma.route.csv')],
    ['gpt-oss-120b', bigMoeOnEdge(folder, 'gptoss.route.csv')],
  ]);
  const checked = new Checked();
  const named = (name: string) => traces.get(name) as Trace;
  for (const { trace, accesses, reuse, hits } of references) {
    const [reused, uses] = await adjacentReuse(named(trace));
    checked.add(trace, 'reused at once', reuse[0], reused, reuse[1]);
    checked.add(trace, 'uses with one before', reuse[1], uses);
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
  const side = await longSequences(named('gpt-oss-20b'));
  for (const { batch, needs, hits } of batched) {
    const whole = firstSequences(side, Math.floor(72 / batch) * batch);
    for (const order of ['residents-first', 'strict'] as const) {
      const rows = await compareCaches(whole, {
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
  }
  checked.report();
}

/** Of decoded tokens that follow another one of their sequence: uses of experts that this one used too, and all uses. */
async function adjacentReuse({ layers, k, chunks }: Trace): Promise<[number, number]> {
  let [reused, uses] = [0, 0];
  const before = new Map<number, Int32Array>();
  for await (const { count, sequence, phase, experts } of chunks()) {
    for (let token = 0; token < count; token++) {
      if (phase[token] !== DECODE) continue;
      const now = experts.subarray(token * layers * k, (token + 1) * layers * k);
      const last = before.get(sequence[token] as number);
      for (let at = 0; last && at < now.length; at++) {
        const layer = at - (at % k);
        if (last.subarray(layer, layer + k).includes(now[at] as number)) reused++;
        uses++;
      }
      before.set(sequence[token] as number, now);
    }
  }
  return [reused, uses];
}

async function repeated(trace: Trace, times: number): Promise<Trace> {
  const parts: TraceTokens[] = [];
  for await (const part of trace.chunks()) parts.push(part);
  return traceInMemory(trace, ...new Array<TraceTokens[]>(times).fill(parts).flat());
}

async function longSequences(trace: Trace): Promise<TraceTokens[] & { header: Trace }> {
  const long: TraceTokens[] = [];
  for await (const part of trace.chunks()) {
    if (part.count >= 300) long.push({ ...part, count: 300 });
  }
  const ordered = long.map((_, j) => long[(29 * j) % long.length] as TraceTokens);
  return Object.assign(ordered, { header: trace });
}

function firstSequences(sequences: TraceTokens[] & { header: Trace }, count: number): Trace {
  return traceInMemory(sequences.header, ...sequences.slice(0, count));
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
      for (let round = 0; round < 5; round++) {
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
