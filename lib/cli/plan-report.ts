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

interface Column {
  head: string;
  meaning: string;
  cell: (result: placement.Evaluation) => string;
}

/** Columns about nodes if there are several, about first experts if the trace has ranks. */
function columnsOf({ nodes, evaluation }: placement.Plan): Column[] {
  const path: Column[] = [
    { head: 'crossings', meaning: 'per token', cell: ({ path }) => formatNumber(path?.perToken ?? 0) },
    { head: 'inter-node', meaning: 'those to another node', cell: ({ path }) => formatNumber(path?.nodePerToken ?? 0) },
    { head: 'stay', meaning: 'steps that do not cross', cell: ({ path }) => formatShare(path?.stays ?? 0) },
  ];
  const pairs: Column[] = [
    {
      head: 'pairs',
      meaning: 'of experts, weighted by gates, that cross',
      cell: ({ pairs }) => formatShare(pairs.share),
    },
    { head: 'inter-node', meaning: 'those to another node', cell: ({ pairs }) => formatShare(pairs.nodeShare) },
  ];
  const rest: Column[] = [
    { head: 'GPUs', meaning: 'per token and layer', cell: ({ gpusPerTokenLayer }) => formatNumber(gpusPerTokenLayer) },
    { head: 'load', meaning: "the busiest GPU's over the mean", cell: ({ load }) => formatNumber(load.mean) },
    { head: 'worst', meaning: 'that in the worst layer', cell: ({ load }) => formatNumber(load.worst) },
  ];
  return [...(evaluation.plan.path ? path : []), ...pairs, ...rest].filter(
    ({ head }) => nodes > 1 || head !== 'inter-node',
  );
}

/** Baselines and the plan, and what the columns mean. */
function tableOf(plan: placement.Plan): string {
  const { evaluation } = plan;
  const columns = columnsOf(plan);
  const row = (name: string, result: placement.Evaluation) => [name, ...columns.map(({ cell }) => cell(result))];
  const rows = Object.entries(evaluation.baselines).map(([name, result]) => row(names[name] ?? name, result));
  const table = formatTable(
    [['', ...columns.map(({ head }) => head)], ...rows, row('this plan', evaluation.plan)],
    columns.map((_, at) => at + 1),
  );
  const meanings = new Map(columns.map(({ head, meaning }) => [head, meaning]));
  return `${table}\n${Array.from(meanings, ([head, meaning]) => `${head}: ${meaning}`).join('; ')}.\n`;
}

function verdictOf(plan: placement.Plan): string {
  const { metadata, evaluation } = plan;
  const best = names[evaluation.baseline.name] ?? evaluation.baseline.name;
  if (metadata.chosen !== 'search') {
    return `Planning does not help: no placement was found that is better than "${best}", which is what the plan is.`;
  }
  if (!evaluation.helps)
    return `Planning does not help: "${best}" is as good on the tokens that the plan was made from.`;
  const change = changeOf(plan, evaluation.baseline);
  if (!evaluation.helpsHere) {
    return `The plan does not help on these tokens: "${best}" is as good or better (${change}). It is better on the tokens it was made from alone.`;
  }
  const linear = evaluation.baselines.linear;
  const besideLinear =
    linear && evaluation.baseline.name !== 'linear' ? ` Beside linear: ${changeOf(plan, linear)}.` : '';
  return `Beside "${best}", the best of the others: ${change}.${besideLinear}`;
}

/** What a plan changes, in the terms of its objective. */
function changeOf({ nodes, metadata, evaluation }: placement.Plan, baseline: placement.Evaluation): string {
  const { plan } = evaluation;
  const difference = (before: number, after: number) => {
    const change = before === 0 ? 0 : after / before - 1;
    return `${formatShare(Math.abs(change))} ${change > 0 ? 'more' : 'fewer'}`;
  };
  const [before, after] = [baseline.path ?? baseline.pairs, plan.path ?? plan.pairs];
  const toNodes = nodes > 1 ? `, ${difference(before.nodeShare, after.nodeShare)} to another node` : '';
  const crossings = `${difference(before.share, after.share)} crossings${toNodes}`;
  const load = `load ${formatNumber(plan.load.mean)} after ${formatNumber(baseline.load.mean)}`;
  switch (metadata.objective) {
    case 'bytes':
      return `${difference(baseline.gpusPerTokenLayer, plan.gpusPerTokenLayer)} GPUs per token and layer`;
    case 'balance':
      return load;
    case 'fused':
      return `${crossings}, ${load}`;
    default:
      return crossings;
  }
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
