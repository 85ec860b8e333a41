/** Between assignments and the values of an integer program's columns. */

import type { Assignment, Problem } from '../problem.js';
import type { IntegerProgram } from './integer-program.js';

/** The same assignment with GPUs numbered as the program wants it: by who of the first layer is the first to be there. */
export function renumber({ nodes, gpus }: Problem, assignment: Assignment): Assignment {
  const size = gpus / ((nodes[gpus - 1] as number) + 1);
  const seen = [...new Set([...assignment, ...nodes.keys()])];
  const nodeOrder = [...new Set(seen.map((gpu) => nodes[gpu] as number))];
  const inNode = nodeOrder.map((node) => seen.filter((gpu) => nodes[gpu] === node));
  const names = new Int32Array(gpus);
  inNode.forEach((list, node) => {
    list.forEach((gpu, at) => {
      names[gpu] = node * size + at;
    });
  });
  return assignment.map((gpu) => names[gpu] as number);
}

/** [columns] the values of an assignment: a feasible solution, from which HiGHS begins. */
export function valuesOf(program: IntegerProgram, problem: Problem, assignment: Assignment): Float64Array {
  const { copies, gpus, layers } = problem;
  const values = new Float64Array(program.columns.cost.length);
  assignment.forEach((gpu, at) => {
    values[at * gpus + gpu] = 1;
  });
  const { lower, upper, starts, indices, values: factors } = program.rows;
  // The other columns are as high as their rows let them be; a busiest GPU's, as low.
  const places = layers * copies * gpus;
  for (let column = places; column < values.length; column++) values[column] = program.columns.lower[column] as number;
  const highest = new Float64Array(values.length).fill(1);
  for (let row = 0; row < lower.length; row++) {
    let sum = 0;
    let last = -1;
    let others = 0;
    for (let at = starts[row] as number; at < (starts[row + 1] as number); at++) {
      const column = indices[at] as number;
      if (column < places) sum += (factors[at] as number) * (values[column] as number);
      else [last, others] = [column, others + 1];
    }
    if (others !== 1 || upper[row] !== 0) continue;
    const isBusiest = (program.columns.cost[last] as number) >= 0;
    if (isBusiest) values[last] = Math.max(values[last] as number, sum);
    else highest[last] = Math.min(highest[last] as number, -sum);
  }
  for (let column = places; column < values.length; column++) {
    if ((program.columns.cost[column] as number) < 0) values[column] = Math.max(0, highest[column] as number);
  }
  return values;
}

/** The assignment that columns' values mean. */
export function assignmentOf({ layers, copies, gpus }: Problem, values: Float64Array): Assignment {
  return Int32Array.from({ length: layers * copies }, (_, copy) => {
    const row = values.subarray(copy * gpus, (copy + 1) * gpus);
    return row.indexOf(Math.max(...row));
  });
}
