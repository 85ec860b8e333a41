import { join } from 'node:path';
import { openTrace, placement, type Trace } from '../../lib/index.js';
import { table } from '../shared/table.js';
import { benchVariants } from './variants.js';

/**
 * Crossings per step on odd sequences, planned on even ones, of gpt-oss-20b: counts of an independent script for the linear and
 * the greedy placement, and what a plan has to reach.
 */
const reference = [
  { gpus: 2, linear: 244_785, greedy: 97_246, goal: 0.172 },
  { gpus: 4, linear: 366_066, greedy: 181_231, goal: 0.316 },
  { gpus: 8, linear: 426_631, greedy: 230_117, goal: 0.445 },
];

export const seeds = [0, 1, 2];

/** Returns whether everything came out as it should. */
export async function benchPublished(folder: string): Promise<boolean> {
  const file = join(folder, 'AmanPriyanshu__GPT-OSS-MoE-ExpertFingerprinting/gptoss20b_experts.u8');
  const trace = await openTrace(file);
  console.log(
    `gpt-oss-20b, planned on even sequences, tested on odd ones, seeds ${seeds.join(', ')}: crossings per step\n`,
  );
  const rows = [['GPUs', 'linear', 'greedy', 'train', 'test', 'goal', 'GPUs per token and layer', 'seconds', '']];
  let good = true;
  for (const each of reference) {
    const found = await measure(trace, each);
    rows.push(found.row);
    good &&= found.good;
  }
  console.log(`${table(rows).join('\n')}\n`);
  await benchVariants(trace);
  return good;
}

async function measure(trace: Trace, { gpus, linear, greedy, goal }: (typeof reference)[number]) {
  const plans: placement.Plan[] = [];
  for (const seed of seeds) plans.push(await placement.plan(trace, { gpus }, { seed }));
  const { baselines } = (plans[0] as placement.Plan).evaluation;
  const crossings = (name: string) => baselines[name]?.path?.crossings;
  const problems = [
    ...(crossings('linear') === linear ? [] : [`linear should cross ${linear} times, not ${crossings('linear')}`]),
    ...(crossings('greedy') === greedy ? [] : [`greedy should cross ${greedy} times, not ${crossings('greedy')}`]),
    ...(plans.every(({ evaluation }) => (evaluation.plan.path?.share ?? 1) <= goal) ? [] : ['goal missed']),
  ];
  const range = (values: number[], digits: number) => {
    const [low, high] = [Math.min(...values).toFixed(digits), Math.max(...values).toFixed(digits)];
    return low === high ? low : `${low} to ${high}`;
  };
  const row = [
    String(gpus),
    (baselines.linear?.path?.share ?? 0).toFixed(4),
    (baselines.greedy?.path?.share ?? 0).toFixed(4),
    range(
      plans.map(({ evaluation }) => evaluation.train.plan.path?.share ?? 0),
      4,
    ),
    range(
      plans.map(({ evaluation }) => evaluation.plan.path?.share ?? 0),
      4,
    ),
    goal.toFixed(3),
    range(
      plans.map(({ evaluation }) => evaluation.plan.gpusPerTokenLayer),
      2,
    ),
    range(
      plans.map(({ metadata }) => metadata.seconds),
      1,
    ),
    problems.join('; ') || 'reached',
  ];
  return { row, good: problems.length === 0 };
}
