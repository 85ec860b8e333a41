/** What `moeflow plan` says in the terminal. */

import type { placement } from '../index.js';
import { formatTable } from '../report/format.js';
import { columnsOf, communicationRows, factsOf, nameOf, tradeOffRows, verdictOf } from '../report/plan-words.js';

export function textOf(plan: placement.Plan): string {
  const { evaluation } = plan;
  const parts = [
    formatTable(factsOf(plan)),
    tableOf(plan),
    `${verdictOf(plan)}\n`,
    evaluation.tradeOff ? formatTable(tradeOffRows(evaluation.tradeOff, plan.nodes), [0, 1, 2, 3]) : '',
    evaluation.communication ? formatTable(communicationRows(evaluation.communication), [1, 2, 3, 4]) : '',
    plan.metadata.notes.map((note) => `Note: ${note}.\n`).join(''),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** Baselines and the plan, and what the columns mean. */
function tableOf(plan: placement.Plan): string {
  const { evaluation } = plan;
  const columns = columnsOf(plan);
  const row = (name: string, result: placement.Evaluation) => [name, ...columns.map(({ cell }) => cell(result))];
  const rows = Object.entries(evaluation.baselines).map(([name, result]) => row(nameOf(name), result));
  const table = formatTable(
    [['', ...columns.map(({ head }) => head)], ...rows, row('this plan', evaluation.plan)],
    columns.map((_, at) => at + 1),
  );
  const meanings = new Map(columns.map(({ head, meaning }) => [head, meaning]));
  return `${table}\n${Array.from(meanings, ([head, meaning]) => `${head}: ${meaning}`).join('; ')}.\n`;
}
