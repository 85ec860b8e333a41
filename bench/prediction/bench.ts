// npm run bench:prediction -- [FOLDER of the published traces] [--paper] [--plot FILE.svg] [--beside MODEL] [--skip-domains]
// How good the route predictor is beside guesses, in and across domains, what a prediction costs, and what it is worth to
// a cache; with --beside, what a prediction costs beside a step of that model. With --paper the paper's transformer is
// trained too, which takes ten minutes per trace.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadModel } from '../../lib/model/load.js';
import type { Model } from '../../lib/model/model.js';
import { concatenate } from '../../lib/trace/concatenate.js';
import type { Holdout } from '../../lib/trace/holdout.js';
import { openTrace } from '../../lib/trace/open.js';
import { recordTexts } from '../../lib/trace/record-text.js';
import type { Trace } from '../../lib/trace/trace.js';
import { evaluatePredictor } from '../../predictor/compare.js';
import type { Evaluation } from '../../predictor/evaluate.js';
import { trainPaperPredictor } from '../../predictor/paper/train.js';
import { type TrainedPredictor, trainPredictor } from '../../predictor/train.js';
import { lineCharts, type Panel } from '../shared/plot.js';
import { repository } from '../shared/runtimes.js';
import { table } from '../shared/table.js';
import { type CachePoint, cacheCurve } from './caches.js';
import { predictionMilliseconds, stepCost } from './cost.js';
import { gateAheadRecall } from './gate-ahead.js';

const domains = ['docs', 'javascript', 'kjv', 'python', 'wordnet'] as const;
type Domain = (typeof domains)[number];

const demo = join(repository, 'models/demo/moeflow-demo-q8_0.gguf');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    paper: { type: 'boolean' },
    plot: { type: 'string' },
    beside: { type: 'string' },
    'skip-domains': { type: 'boolean' },
  },
});
const folder = positionals[0] ?? process.env.MOEFLOW_TRACES;
const panels: Panel[] = [];

console.log('Cost of a prediction, natively, on one core, hidden layer of 256:');
for (const [name, layers, experts, expertsUsed] of [
  ['gpt-oss-20b', 24, 32, 4],
  ['Qwen3-30B-A3B', 48, 128, 8],
] as const) {
  const [one, sixteen] = [1, 16].map((rows) =>
    predictionMilliseconds({ layers, experts, expertsUsed }, rows).toFixed(2),
  );
  console.log(`  ${name}, ${layers} layers of ${experts}: ${one} ms for a token, ${sixteen} ms for 16`);
}

if (values.beside) {
  const { shape, milliseconds, threads } = await stepCost(values.beside, 16);
  const prediction = predictionMilliseconds(shape, 16);
  const share = percent(prediction / milliseconds);
  console.log(
    `  ${values.beside}, ${shape.layers} layers: a step of 16 sequences takes ${milliseconds.toFixed(0)} ms on ${threads} threads, a prediction for it ${prediction.toFixed(1)} ms on one: ${share}`,
  );
}

const model = await loadModel(demo, { predictor: 'none' });
try {
  const texts = await recordedTexts(model, domains);
  console.log('\nThe demo model, held-out text of five domains, a fifth of the sequences for testing:\n');
  const trained = await compare('the demo model', texts, 0.2);
  console.log(`gate-ahead, the next layer's router: ${percent(await gateAheadRecall(demo, texts, 0.2))} at k`);
  await caches('the demo model', texts, trained, 0.2);
  if (!values['skip-domains']) {
    // A fifth of these sequences are fewer than 16.
    const { evaluation } = await evaluatePredictor(await trainPredictor(texts, { holdout: 0.4 }), texts, {
      holdout: 0.4,
      batches: [16],
    });
    console.log('\ntrained on three fifths, tested on two:');
    printUnion(evaluation);
    console.log(
      '\nAcross domains: trained on four, tested on the fifth; and trained on all five, tested on that one:\n',
    );
    await acrossDomains(model, trained);
  }
} finally {
  await model.dispose();
}
if (folder === undefined) console.log('\nNo published traces: name their folder, or set MOEFLOW_TRACES.');
else {
  console.log('\ngpt-oss-20b, trained on even sequences, tested on odd ones:\n');
  const file = 'AmanPriyanshu__GPT-OSS-MoE-ExpertFingerprinting/gptoss20b_experts.u8';
  const trace = await openTrace(join(folder, file));
  await caches('gpt-oss-20b', trace, await compare('gpt-oss-20b', trace, 'even-odd'), 'even-odd');
}
if (values.plot) writeFileSync(values.plot, lineCharts(panels));

function recordedTexts(model: Model, names: readonly Domain[]): Promise<Trace> {
  const ids = (name: Domain) =>
    Int32Array.from(JSON.parse(readFileSync(join(repository, `models/demo/heldout/${name}.json`), 'utf8')) as number[]);
  return recordTexts(model, names.map(ids));
}

async function compare(name: string, trace: Trace, holdout: Holdout): Promise<TrainedPredictor> {
  const began = performance.now();
  const trained = await trainPredictor(trace, { holdout });
  const seconds = (performance.now() - began) / 1000;
  const { evaluation, baselines } = await evaluatePredictor(trained, trace, { holdout, batches: [4, 8, 16] });
  const rows: [string, Evaluation][] = [['route-path', evaluation], ...Object.entries(baselines)];
  if (values.paper) {
    const paper = await trainPaperPredictor(trace, {
      holdout,
      epochs: 16,
      headRate: 0.003,
      bodyRate: 0.004,
      batchWindows: 2,
    });
    rows.splice(1, 0, ['paper', paper.evaluation]);
  }
  print(trace.k, rows);
  console.log(`trained in ${seconds.toFixed(0)} s (${trained.backend}), ${trained.epochs} epochs`);
  console.log(`calibration error ${evaluation.calibrationError.toFixed(4)}`);
  printUnion(evaluation);
  panels.push({
    title: `Recall, ${name}`,
    xTitle: 'experts fetched per layer',
    yTitle: "of a token's experts, %",
    series: rows.map(([of, { recallAt }]) => ({
      name: of,
      points: fetchedOf(trace.k).map((m) => [m, 100 * (recallAt[m] as number)] as const),
    })),
  });
  return trained;
}

function printUnion({ union }: Evaluation): void {
  for (const { batch, fetched, recall, precision } of union) {
    console.log(
      `${batch} side by side, ${fetched} for each: union recall ${percent(recall)}, precision ${percent(precision)}`,
    );
  }
}

async function caches(name: string, trace: Trace, predictor: TrainedPredictor, holdout: Holdout): Promise<void> {
  for (const { slots, batch } of [
    { slots: 2 * trace.k, batch: 1 },
    { slots: 4 * trace.k, batch: 16 },
  ]) {
    const points = await cacheCurve(trace, predictor, { slots, batch, holdout });
    console.log(`\n${slots} slots for each layer, ${batch} side by side; experts read, by those of lru one by one:\n`);
    const lines = points.map(({ name: of, leastProbability, hitRate, reads }) => [
      of,
      leastProbability === undefined ? '' : String(leastProbability),
      percent(hitRate),
      reads.toFixed(2),
    ]);
    console.log(table([['', 'fetched from', 'hits', 'read'], ...lines]).join('\n'));
    if (batch === 1) panels.push(cachePanel(`${slots} slots per layer, ${name}`, points));
  }
}

function cachePanel(title: string, points: readonly CachePoint[]): Panel {
  const names = [...new Set(points.map(({ name }) => name))];
  return {
    title,
    xTitle: 'experts read, by those of lru',
    yTitle: 'hits, %',
    series: names.map((name) => {
      const own = points.filter((point) => point.name === name).sort((a, b) => a.reads - b.reads);
      return { name, points: own.map(({ reads, hitRate }) => [reads, 100 * hitRate] as const), dots: own.length === 1 };
    }),
  };
}

async function acrossDomains(model: Model, whole: TrainedPredictor): Promise<void> {
  const traces = new Map<Domain, { path: string; trace: Trace }>();
  for (const name of domains) traces.set(name, { path: name, trace: await recordedTexts(model, [name]) });
  const rows = [
    ['domain', 'recall at k, 2k: not seen', 'seen', 'union recall, 4 side by side, 1.5k each: not seen', 'seen'],
  ];
  for (const domain of domains) {
    const { trace: own } = traces.get(domain) as { trace: Trace };
    const others = concatenate([...traces.values()].filter(({ trace }) => trace !== own));
    const stranger = await trainPredictor(others, { holdout: 0.1 });
    const tested = { holdout: 'none', batches: [4] } as const;
    const [notSeen, seen] = [
      (await evaluatePredictor(stranger, own, tested)).evaluation,
      (await evaluatePredictor(whole, own, tested)).evaluation,
    ];
    const recalls = ({ recallAt }: Evaluation) =>
      [own.k, 2 * own.k].map((m) => percent(recallAt[m] as number)).join(', ');
    const union = ({ union }: Evaluation) => percent(union[1]?.recall as number);
    rows.push([domain, recalls(notSeen), recalls(seen), union(notSeen), union(seen)]);
  }
  console.log(table(rows).join('\n'));
  console.log('(seen: the predictor has learned from four fifths of these sequences)');
}

function fetchedOf(k: number): number[] {
  return [k, 1.5 * k, 2 * k, 3 * k, 4 * k];
}

function print(k: number, rows: readonly [string, Evaluation][]): void {
  const fetched = fetchedOf(k);
  const lines = rows.map(([name, { recallAt }]) => [name, ...fetched.map((m) => percent(recallAt[m] as number))]);
  console.log(table([['recall, by experts fetched per layer', ...fetched.map(String)], ...lines]).join('\n'));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
