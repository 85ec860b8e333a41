// npm run bench:prediction -- [FOLDER of the published traces] [--paper]
// How good the route predictor is beside guesses, in and across domains, and what a prediction costs. With --paper the
// paper's transformer is trained too, which takes ten minutes per trace.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadModel } from '../../lib/model/load.js';
import { openTrace } from '../../lib/trace/open.js';
import { recordTexts } from '../../lib/trace/record-text.js';
import type { Trace } from '../../lib/trace/trace.js';
import { evaluatePredictor } from '../../predictor/compare.js';
import type { Evaluation } from '../../predictor/evaluate.js';
import { trainPaperPredictor } from '../../predictor/paper/train.js';
import { trainPredictor } from '../../predictor/train.js';
import { repository } from '../shared/runtimes.js';
import { table } from '../shared/table.js';
import { predictionMilliseconds } from './cost.js';

const domains = ['docs', 'javascript', 'kjv', 'python', 'wordnet'] as const;
type Domain = (typeof domains)[number];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { paper: { type: 'boolean' } } });
const folder = positionals[0] ?? process.env.MOEFLOW_TRACES;

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

console.log('\nThe demo model, held-out text of five domains, a fifth of the sequences for testing:\n');
await compare(await recordedTexts(domains), 0.2);
console.log('\nAcross domains: trained on four, tested on the fifth; and trained on all five, tested on that one:\n');
await acrossDomains();
if (folder === undefined) console.log('\nNo published traces: name their folder, or set MOEFLOW_TRACES.');
else {
  console.log('\ngpt-oss-20b, trained on even sequences, tested on odd ones:\n');
  const file = 'AmanPriyanshu__GPT-OSS-MoE-ExpertFingerprinting/gptoss20b_experts.u8';
  await compare(await openTrace(join(folder, file)), 'even-odd');
}

async function recordedTexts(names: readonly Domain[]): Promise<Trace> {
  const model = await loadModel(join(repository, 'models/demo/moeflow-demo-q8_0.gguf'), { predictor: 'none' });
  try {
    const ids = (name: Domain) =>
      Int32Array.from(
        JSON.parse(readFileSync(join(repository, `models/demo/heldout/${name}.json`), 'utf8')) as number[],
      );
    return await recordTexts(model, names.map(ids));
  } finally {
    await model.dispose();
  }
}

async function compare(trace: Trace, holdout: 'even-odd' | number): Promise<void> {
  const began = performance.now();
  const trained = await trainPredictor(trace, { holdout });
  const seconds = (performance.now() - began) / 1000;
  const batches = [4, 8, 16];
  const { evaluation, baselines } = await evaluatePredictor(trained, trace, { holdout, batches });
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
  for (const { batch, fetched, recall, precision } of evaluation.union) {
    console.log(
      `${batch} side by side, ${fetched} for each: union recall ${percent(recall)}, precision ${percent(precision)}`,
    );
  }
}

async function acrossDomains(): Promise<void> {
  const whole = await trainPredictor(await recordedTexts(domains), { holdout: 0.2 });
  const rows = [
    ['domain', 'recall at k, 2k: not seen', 'seen', 'union recall, 4 side by side, 1.5k each: not seen', 'seen'],
  ];
  for (const domain of domains) {
    const others = await recordedTexts(domains.filter((name) => name !== domain));
    const own = await recordedTexts([domain]);
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

function print(k: number, rows: readonly [string, Evaluation][]): void {
  const fetched = [k, 1.5 * k, 2 * k, 3 * k, 4 * k];
  const lines = rows.map(([name, { recallAt }]) => [name, ...fetched.map((m) => percent(recallAt[m] as number))]);
  console.log(table([['recall, by experts fetched per layer', ...fetched.map(String)], ...lines]).join('\n'));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
