/** The report of `moeflow plan` as a page: what crosses, crossings against balance, and where experts are. */

import type { Evaluation, Plan } from '../placement/index.js';
import { escapeHtml, htmlFacts, htmlTable, page } from './page.js';
import { planScript } from './plan-script.js';
import { columnsOf, communicationRows, factsOf, nameOf, tradeOffRows, verdictOf } from './plan-words.js';

/** What the script draws. */
interface PlanReportData {
  gpus: number;
  layers: number;
  experts: number;
  /** [layers][experts] the GPUs of each expert. */
  placement: number[][][];
  /** Placements and trade-offs: the share of steps that cross in percent, and the busiest GPU's load over the mean. */
  points: { name: string; crossings: number; load: number }[];
  /** Other weights of balance, by rising crossings. */
  curve: { weight: number; crossings: number; load: number }[];
}

/** @returns HTML that needs no network */
export function planReport(plan: Plan): string {
  const { evaluation, metadata } = plan;
  const title = `Placement of experts${metadata.model ? `: ${metadata.model}` : ''}`;
  const results: [string, Evaluation][] = [
    ...Object.entries(evaluation.baselines).map(([name, result]): [string, Evaluation] => [nameOf(name), result]),
    ['this plan', evaluation.plan],
  ];
  const sections = [
    htmlFacts(factsOf(plan)),
    `<p class="verdict">${escapeHtml(verdictOf(plan))}</p>`,
    ...metadata.notes.map((note) => `<p>Note: ${escapeHtml(note)}.</p>`),
    barsSection(plan, results),
    balanceSection(plan),
    mapSection(plan),
    numbersSection(plan, results),
  ];
  const data: PlanReportData = {
    gpus: plan.gpus,
    layers: plan.layers,
    experts: plan.experts,
    placement: plan.placement.map((layer) => layer.map((gpus) => (typeof gpus === 'number' ? [gpus] : [...gpus]))),
    points: results.map(([name, result]) => ({ name, crossings: 100 * shareOf(result), load: result.load.mean })),
    curve: (evaluation.tradeOff ?? [])
      .map(({ balanceWeight, crossings, load }) => ({ weight: balanceWeight, crossings: 100 * crossings, load }))
      .sort((a, b) => a.crossings - b.crossings),
  };
  return page({ title, body: sections.join('\n'), data, script: planScript });
}

/** Of steps that cross; of all pairs where the trace does not say which expert is the first. */
function shareOf({ path, pairs }: Evaluation): number {
  return (path ?? pairs).share;
}

function barsSection({ nodes, evaluation }: Plan, results: readonly [string, Evaluation][]): string {
  const what = evaluation.plan.path
    ? 'steps from a layer to the next'
    : "pairs of a token's experts in neighbouring layers";
  const bar = ([name, result]: [string, Evaluation]) => {
    const { share, nodeShare } = result.path ?? result.pairs;
    const percent = (part: number) => (100 * part).toFixed(1);
    const inside = nodes > 1 ? `<i class="far" style="width:${percent(nodeShare)}%"></i>` : '';
    const near = nodes > 1 ? share - nodeShare : share;
    const label = nodes > 1 ? `${percent(share)} %, ${percent(nodeShare)} % to another node` : `${percent(share)} %`;
    return `<div class="bar${name === 'this plan' ? ' this' : ''}"><span>${escapeHtml(name)}</span><div>${inside}<i style="width:${percent(near)}%"></i></div><b>${label}</b></div>`;
  };
  return `<h2>What crosses between GPUs</h2>
<p>The share of ${what} that go to another GPU, on ${escapeHtml(evaluation.on)}.${nodes > 1 ? ' The stronger colour goes to another node.' : ''}</p>
<div class="bars">${results.map(bar).join('\n')}</div>`;
}

function balanceSection({ evaluation }: Plan): string {
  const curve = evaluation.tradeOff ? ' The line joins what other weights of balance come to.' : '';
  return `<h2>Crossings against balance</h2>
<p>Tokens that stay together go to few GPUs. Down and to the left is better: few crossings, and a busiest GPU that is no busier than the mean.${curve}</p>
<div class="chart" id="balance" role="img" aria-label="Load against crossings; the numbers are in the table below"></div>`;
}

function mapSection({ layers, experts, gpus }: Plan): string {
  return `<h2>Where experts are</h2>
<p>A colour for each of the ${gpus} GPUs.</p>
<div class="heat">
<div class="rows"><span>layer 0</span><span>layer ${layers - 1}</span></div>
<canvas id="map" role="img" aria-label="The GPU of each of ${experts} experts in ${layers} layers"></canvas>
<div class="columns"><span>expert 0</span><span>expert ${experts - 1}</span></div>
</div>
<output id="map-said">Point at a cell to read it.</output>`;
}

/** For those who cannot see the charts, or want the numbers. */
function numbersSection(plan: Plan, results: readonly [string, Evaluation][]): string {
  const { tradeOff, communication } = plan.evaluation;
  const columns = columnsOf(plan);
  const rows = results.map(([name, result]) => [name, ...columns.map(({ cell }) => cell(result))]);
  return `<h2>All numbers</h2>
${htmlTable([['', ...columns.map(({ head }) => head)], ...rows])}
<p>${columns.map(({ head, meaning }) => `${escapeHtml(head)}: ${escapeHtml(meaning)}`).join('; ')}.</p>
${tradeOff ? htmlTable(tradeOffRows(tradeOff, plan.nodes)) : ''}
${communication ? htmlTable(communicationRows(communication)) : ''}`;
}
