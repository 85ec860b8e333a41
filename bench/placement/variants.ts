import { placement, type Trace } from '../../lib/index.js';
import { table } from '../shared/table.js';

const gpus = 8;

const variants: [name: string, nodes: number, options: placement.PlanOptions][] = [
  ['crossings', 1, {}],
  ['crossings, all pairs', 1, { affinity: 'pairs' }],
  ['bytes', 1, { objective: 'bytes' }],
  ['balance', 1, { objective: 'balance' }],
  ...[0.1, 0.3, 1].map((balanceWeight): [string, number, placement.PlanOptions] => [
    `fused, ${balanceWeight}`,
    1,
    { objective: 'fused', balanceWeight },
  ]),
  ['crossings, 40 copies', 1, { replicas: 40 }],
  ['crossings, 48 copies', 1, { replicas: 48 }],
  ['crossings', 2, {}],
  ['crossings, nodes first', 2, { nodeCost: 1000 }],
];

/** Goals beside each other, and what is gained from more tokens to plan from. */
export async function benchVariants(trace: Trace): Promise<void> {
  console.log(`gpt-oss-20b on ${gpus} GPUs, tested on odd sequences; two nodes where it says so\n`);
  const head = [
    '',
    'nodes',
    'crossings per step',
    'between nodes',
    'GPUs per token and layer',
    'load',
    'worst layer',
    'seconds',
  ];
  const rows = [head];
  let first: placement.Plan | undefined;
  for (const [name, nodes, options] of variants) {
    const plan = await placement.plan(trace, { gpus, nodes }, options);
    first ??= plan;
    rows.push(rowOf(name, nodes, plan.evaluation.plan, `${plan.metadata.seconds.toFixed(1)}, ${plan.metadata.status}`));
  }
  for (const [name, result] of Object.entries(first?.evaluation.baselines ?? {})) rows.push(rowOf(name, 1, result, ''));
  console.log(`${table(rows).join('\n')}\n`);

  console.log(`Crossings per step on held-out sequences, by tokens that plans for ${gpus} GPUs were made from\n`);
  const curve = [['tokens', 'path', 'all pairs']];
  for (const holdout of [0.98, 0.95, 0.9, 0.8, 0.5]) {
    const plans = [];
    for (const affinity of ['path', 'pairs'] as const) {
      plans.push(await placement.plan(trace, { gpus }, { holdout, affinity }));
    }
    const shares = plans.map(({ evaluation }) => (evaluation.plan.path?.share ?? 0).toFixed(3));
    curve.push([String(plans[0]?.evaluation.train.plan.tokens), ...shares]);
  }
  console.log(`${table(curve).join('\n')}\n`);
}

function rowOf(name: string, nodes: number, result: placement.Evaluation, time: string): string[] {
  const { path, gpusPerTokenLayer, load } = result;
  return [
    name,
    String(nodes),
    (path?.share ?? 0).toFixed(3),
    nodes > 1 ? (path?.nodeShare ?? 0).toFixed(3) : '-',
    gpusPerTokenLayer.toFixed(2),
    load.mean.toFixed(2),
    load.worst.toFixed(2),
    time,
  ];
}
