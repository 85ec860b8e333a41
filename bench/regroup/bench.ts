// npm run bench:regroup -- [FOLDER]     (or MOEFLOW_TRACES=FOLDER npm run bench:regroup)
// How long it takes to divide sequences into batches, and how close that comes to the best way on published traces, which lie in
// FOLDER. Without a folder, time alone.
import { type ReplayedSequence, readSequences, setAt } from '../../lib/cache-sim/regroup-sequences.js';
import { below, shuffle, uniforms } from '../../lib/random.js';
import { addExpert, wordsOf } from '../../lib/scheduling/regroup/expert-sets.js';
import { activatedAtLeast, leastActivated, mostForOptimum } from '../../lib/scheduling/regroup/optimum.js';
import { regroup } from '../../lib/scheduling/regroup/regroup.js';
import { evenSizes } from '../../lib/scheduling/regroup/sizes.js';
import { RegroupWorkspace } from '../../lib/scheduling/regroup/workspace.js';
import { openPublished, type PublishedTrace } from '../hits/published-traces.js';
import { warnIfBusy } from '../shared/machine.js';
import { median } from '../shared/statistics.js';
import { table } from '../shared/table.js';

const shape = { layers: 48, experts: 128, k: 8 };
const workspace = new RegroupWorkspace();

warnIfBusy();
console.log(
  `ms to divide sequences, ${shape.layers} layers, ${shape.k} of ${shape.experts} experts; median of 160 calls`,
);
console.log(table([['sequences', 'batch', 'subjects', 'ms', 'saved'], ...times()]).join('\n'));
const [folder = process.env.MOEFLOW_TRACES] = process.argv.slice(2);
if (folder) console.log(`\n${table(await published(folder)).join('\n')}`);
else console.log('\nSkipped: published traces. Name their folder, or set MOEFLOW_TRACES to it.');

function times(): string[][] {
  const rows: string[][] = [];
  for (const sequences of [16, 32, 64]) {
    for (const [subjects, skew] of [
      [1, 1],
      [4, 3],
    ] as const) {
      const inputs = Array.from({ length: 10 }, (_, seed) => madeUpRoutes(sequences, subjects, skew, seed));
      for (const batch of [8, 16, 32].filter((size) => size < sequences)) {
        const taken: number[] = [];
        let [activated, inOrder] = [0, 0];
        for (let round = 0; round < 24; round++) {
          for (const routes of inputs) {
            const begin = performance.now();
            const grouping = regroup(routes, batch, { workspace });
            // The first calls are compiled.
            if (round >= 8) taken.push(performance.now() - begin);
            activated += grouping.activated;
            inOrder += grouping.activatedInOrder;
          }
        }
        rows.push([`${sequences}`, `${batch}`, `${subjects}`, median(taken).toFixed(2), saved(activated, inOrder)]);
      }
    }
  }
  return rows;
}

/** Each subject has an order of each layer's experts; the higher the skew, the more its tokens use the first ones. */
function madeUpRoutes(sequences: number, subjects: number, skew: number, seed: number): Uint32Array[] {
  const random = uniforms(seed);
  const orders = Array.from({ length: subjects * shape.layers }, () => {
    const order = Int32Array.from({ length: shape.experts }, (_, expert) => expert);
    shuffle(order, random);
    return order;
  });
  return Array.from({ length: sequences }, () => {
    const set = new Uint32Array(wordsOf(shape));
    const subject = below(subjects, random);
    for (let layer = 0; layer < shape.layers; layer++) {
      const order = orders[subject * shape.layers + layer] as Int32Array;
      const chosen = new Set<number>();
      while (chosen.size < shape.k) chosen.add(order[Math.floor(shape.experts * random() ** skew)] as number);
      for (const expert of chosen) addExpert(set, layer * shape.experts + expert);
    }
    return set;
  });
}

async function published(folder: string): Promise<string[][]> {
  const rows = [['trace', 'batches', 'in order', 'medoids', 'exchange', 'best of all', 'bound']];
  const add = (name: string, steps: Uint32Array[][], batches: number) => rows.push([name, ...compare(steps, batches)]);
  for (const [sequences, batches] of [
    [8, 2],
    [16, 2],
    [32, 2],
    [64, 2],
    [16, 4],
    [32, 4],
    [64, 8],
  ] as const) {
    add('gpt-oss-20b', await stepsOfMany(folder, sequences), batches);
  }
  for (const name of ['OLMoE-1B-7B', 'Kimi-Linear-48B', 'Qwen3-30B-A3B', 'Gemma-4-26B'] as const) {
    for (const batches of [2, 4]) add(name, await stepsOfPieces(folder, name, 16), batches);
  }
  return rows;
}

/** As the reference values want it: e[29 j mod n] of the sequences of 300 tokens, in groups; tokens 0, 15, ..., 285. */
async function stepsOfMany(folder: string, sequences: number): Promise<Uint32Array[][]> {
  const trace = await openPublished(folder, 'gpt-oss-20b');
  const long = (await readSequences(trace, 'none', undefined)).filter(({ ids }) => ids.length >= 300);
  const ordered = long.map((_, j) => long[(29 * j) % long.length] as ReplayedSequence);
  const steps: Uint32Array[][] = [];
  for (let first = 0; first + sequences <= ordered.length; first += sequences) {
    for (let token = 0; token < 300; token += 15) {
      steps.push(ordered.slice(first, first + sequences).map(({ used }) => setAt(used, token, wordsOf(trace))));
    }
  }
  return steps;
}

/** The generated tokens of the one sequence, cut into pieces that stand for sequences. */
async function stepsOfPieces(folder: string, name: PublishedTrace, pieces: number): Promise<Uint32Array[][]> {
  const trace = await openPublished(folder, name);
  const [{ used, ids, promptTokens }] = (await readSequences(trace, 'none', undefined)) as [ReplayedSequence];
  const length = Math.floor((ids.length - promptTokens) / pieces);
  return Array.from({ length }, (_, token) =>
    Array.from({ length: pieces }, (__, piece) => setAt(used, promptTokens + piece * length + token, wordsOf(trace))),
  );
}

function compare(steps: readonly Uint32Array[][], batches: number): string[] {
  const sequences = steps[0]?.length ?? 0;
  const batch = sequences / batches;
  const sum = (cost: (routes: Uint32Array[]) => number) => steps.map(cost).reduce((a, b) => a + b, 0);
  const inOrder = sum((routes) => regroup(routes, batch, { workspace }).activatedInOrder);
  const show = (activated: number) => `${activated} (${saved(activated, inOrder)})`;
  return [
    `${batches} of ${batch}`,
    `${inOrder}`,
    show(sum((routes) => regroup(routes, batch, { workspace, method: 'medoids' }).activated)),
    show(sum((routes) => regroup(routes, batch, { workspace }).activated)),
    sequences > mostForOptimum ? '' : show(sum((routes) => leastActivated(routes, evenSizes(sequences, batch)))),
    show(sum((routes) => activatedAtLeast(routes, batch))),
  ];
}

function saved(activated: number, inOrder: number): string {
  return `-${(100 * (1 - activated / inOrder)).toFixed(1)}%`;
}
