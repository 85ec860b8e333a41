/** What `moeflow plan` says. */

import type { placement } from '../index.js';
import { formatBytes, formatCount, formatNumber, formatShare, formatTable } from './format.js';

const names: Record<string, string> = {
  linear: 'linear, as engines do it',
  'round-robin': 'round-robin',
  random: 'random',
  balanced: 'balanced, each layer by itself',
  greedy: 'greedy, layer by layer',
  'eplb-global': 'EPLB, global',
  'eplb-hierarchical': 'EPLB, hierarchical',
};

export function textOf(plan: placement.Plan): string {
  const { evaluation } = plan;
  const parts = [
    formatTable(factsOf(plan)),
    tableOf(plan),
    `${verdictOf(plan)}\n`,
    evaluation.tradeOff ? tradeOffTable(evaluation.tradeOff, plan.nodes) : '',
    evaluation.communication ? communicationTable(evaluation.communication) : '',
    plan.metadata.notes.map((note) => `Note: ${note}.\n`).join(''),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function factsOf({ gpus, nodes, layers, experts, metadata, evaluation }: placement.Plan): string[][] {
  const { replicas, objective, solver, status, seconds, gap, seed } = metadata;
  const copies = replicas > experts ? `, in ${replicas} copies` : '';
  const open = gap === undefined || status === 'optimal' ? '' : `; the optimum may be ${formatShare(gap)} lower`;
  const why = { optimal: 'proved optimal', settled: 'ended by itself', 'time limit': 'ended by the time limit' }[
    status
  ];
  return [
    ['cluster', `${gpus} GPUs in ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`],
    ['model', `${metadata.model ? `${metadata.model}, ` : ''}${layers} layers of ${experts} experts${copies}`],
    [
      'objective',
      objective + (metadata.balanceWeight === undefined ? '' : `, balance weighs ${metadata.balanceWeight}`),
    ],
    ['solver', `${solver}, ${formatNumber(seconds)} s, seed ${seed}: ${why}${open}`],
    ['made from', `${formatCount(evaluation.train.plan.tokens)} tokens`],
    [
      'tested on',
      `${formatCount(evaluation.plan.tokens)} ${evaluation.on === 'all tokens' ? 'tokens, the same ones' : evaluation.on}`,
    ],
  ];
}

/** Baselines and the plan; columns about nodes if there are several, about paths if the trace has ranks. */
function tableOf({ nodes, evaluation }: placement.Plan): string {
  const hasPath = evaluation.plan.path !== undefined;
  const columns: [head: string, cell: (result: placement.Evaluation) => string][] = [
    ...(hasPath
      ? [['crossings per token', (r: placement.Evaluation) => formatNumber(r.path?.perToken ?? 0)] as const]
      : []),
    ...(hasPath && nodes > 1
      ? [['between nodes', (r: placement.Evaluation) => formatNumber(r.path?.nodePerToken ?? 0)] as const]
      : []),
    ...(hasPath ? [['steps that stay', (r: placement.Evaluation) => formatShare(r.path?.stays ?? 0)] as const] : []),
    ['all pairs that cross', (r) => formatShare(r.pairs.share)],
    ...(nodes > 1 ? [['nodes', (r: placement.Evaluation) => formatShare(r.pairs.nodeShare)] as const] : []),
    ['GPUs per token and layer', (r) => formatNumber(r.gpusPerTokenLayer)],
    ['load', (r) => formatNumber(r.load.mean)],
    ['worst layer', (r) => formatNumber(r.load.worst)],
  ] as [string, (result: placement.Evaluation) => string][];
  const row = (name: string, result: placement.Evaluation) => [name, ...columns.map(([, cell]) => cell(result))];
  const rows = Object.entries(evaluation.baselines).map(([name, result]) => row(names[name] ?? name, result));
  const head = ['', ...columns.map(([name]) => name)];
  return formatTable(
    [head, ...rows, row('this plan', evaluation.plan)],
    columns.map((_, at) => at + 1),
  );
}

function verdictOf({ metadata, evaluation }: placement.Plan): string {
  const best = names[evaluation.baseline.name] ?? evaluation.baseline.name;
  if (metadata.chosen !== 'search') {
    return `Planning does not help: no placement was found that is better than "${best}", which is what the plan is.`;
  }
  if (!evaluation.helps)
    return `Planning does not help: "${best}" is as good on the tokens that the plan was made from.`;
  const change = changeOf(metadata.objective, evaluation.baseline, evaluation.plan);
  if (!evaluation.helpsHere) {
    return `The plan does not help on these tokens: "${best}" is as good or better (${change}). It is better on the tokens it was made from alone.`;
  }
  const linear = evaluation.baselines.linear;
  const besideLinear =
    linear && evaluation.baseline.name !== 'linear'
      ? ` Beside linear: ${changeOf(metadata.objective, linear, evaluation.plan)}.`
      : '';
  return `Beside "${best}", the best of the others: ${change}.${besideLinear}`;
}

function changeOf(objective: placement.Objective, baseline: placement.Evaluation, plan: placement.Evaluation): string {
  const difference = (before: number, after: number) => {
    const change = before === 0 ? 0 : after / before - 1;
    return `${formatShare(Math.abs(change))} ${change > 0 ? 'more' : 'fewer'}`;
  };
  const crossings = `${difference((baseline.path ?? baseline.pairs).share, (plan.path ?? plan.pairs).share)} crossings`;
  const load = `load ${formatNumber(plan.load.mean)} after ${formatNumber(baseline.load.mean)}`;
  if (objective === 'bytes')
    return `${difference(baseline.gpusPerTokenLayer, plan.gpusPerTokenLayer)} GPUs per token and layer`;
  if (objective === 'crossings') return crossings;
  return objective === 'balance' ? load : `${crossings}, ${load}`;
}

function tradeOffTable(points: readonly placement.TradeOff[], nodes: number): string {
  const rows = points.map(({ balanceWeight, crossings, nodeCrossings, load }) => [
    String(balanceWeight),
    formatShare(crossings),
    ...(nodes > 1 ? [formatShare(nodeCrossings)] : []),
    formatNumber(load),
  ]);
  const head = ['weight of balance', 'steps that cross', ...(nodes > 1 ? ['between nodes'] : []), 'load'];
  return formatTable([head, ...rows], [0, 1, 2, 3]);
}

function communicationTable({ baseline, plan }: NonNullable<placement.PlanEvaluation['communication']>): string {
  const row = (name: string, { alltoalls, allgathers, bytes, nodeBytes }: placement.Exchange) => [
    name,
    String(alltoalls),
    String(allgathers),
    formatBytes(Math.round(bytes)),
    formatBytes(Math.round(nodeBytes)),
  ];
  return formatTable(
    [
      ['per iteration', 'Alltoall', 'AllGather', 'sent', 'between nodes'],
      row('ordinary expert parallelism, best baseline', baseline.ordinary),
      row('ordinary expert parallelism, this plan', plan.ordinary),
      row('context-coherent, best baseline', baseline.coherent),
      row('context-coherent, this plan', plan.coherent),
    ],
    [1, 2, 3, 4],
  );
}
