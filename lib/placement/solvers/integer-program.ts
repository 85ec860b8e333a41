/**
 * The placement as an integer program: ExFlow's (arXiv 2401.08383, section 4) on pair counts instead of tokens, for several goals.
 *
 * x[layer, copy, gpu] is 1 if the copy is there. For each pair of copies and each GPU (and node) w says that both are there, which saves
 * the pair's cost; it is at most either x. That alone leaves the relaxation without teeth: every x at 1 / gpus saves everything.
 * So there is also a row per copy and GPU: of all its pairs, at most as many can be there as the GPU has room for.
 */

import { InvalidArgumentError } from '../../errors.js';
import type { Problem } from '../problem.js';

/** Rows of a matrix, one after the other, as HiGHS takes them. */
export interface IntegerProgram {
  columns: { cost: number[]; lower: number[]; upper: number[]; integral: number[] };
  rows: { lower: number[]; upper: number[]; starts: number[]; indices: number[]; values: number[] };
  offset: number;
}

/** Costs of pairs are tiny shares; times this they are well above the solver's tolerances. */
export const costScale = 1e4;

/** Above this a model takes hundreds of megabytes, and HiGHS comes to nothing in hours. */
const mostColumns = 300_000;

/** @throws InvalidArgumentError if the problem is too large to be tried */
export function integerProgram(problem: Problem): IntegerProgram {
  const program: IntegerProgram = {
    columns: { cost: [], lower: [], upper: [], integral: [] },
    rows: { lower: [], upper: [], starts: [0], indices: [], values: [] },
    offset: 0,
  };
  const { layers, copies, gpus, together, load } = problem;
  const what = `${layers} layers of ${copies} experts on ${gpus} GPUs`;
  if (layers * copies * gpus > mostColumns) throw tooLarge(what);
  addPlaces(program, problem);
  for (let layer = 0; layer < layers; layer++) {
    if (layer + 1 < layers) addPairs(program, problem, problem.follow, layer, layer + 1);
    if (together) addPairs(program, problem, together, layer, layer);
  }
  if (load) addBalance(program, problem, load);
  if (program.columns.cost.length > mostColumns) throw tooLarge(what);
  return program;
}

function tooLarge(what: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `solver: exact is for small instances, and ${what} are more than ${mostColumns} variables; use sweep`,
  );
}

/** Column of x. */
function place({ copies, gpus }: Problem, layer: number, copy: number, gpu: number): number {
  return (layer * copies + copy) * gpus + gpu;
}

function addColumn({ columns }: IntegerProgram, cost: number, upper: number, integral: 0 | 1, lower = 0): number {
  columns.cost.push(cost * costScale);
  columns.lower.push(lower);
  columns.upper.push(upper);
  columns.integral.push(integral);
  return columns.cost.length - 1;
}

function addRow({ rows }: IntegerProgram, lower: number, upper: number, entries: [column: number, value: number][]) {
  rows.lower.push(lower);
  rows.upper.push(upper);
  for (const [column, value] of entries) {
    rows.indices.push(column);
    rows.values.push(value);
  }
  rows.starts.push(rows.indices.length);
}

/** x, each copy on one GPU, GPUs not over-full, no two copies of an expert on one. */
function addPlaces(program: IntegerProgram, problem: Problem): void {
  const { layers, copies, gpus, expertOf, room } = problem;
  const gpuNumbers = Array.from({ length: gpus }, (_, gpu) => gpu);
  const copyNumbers = Array.from({ length: copies }, (_, copy) => copy);
  for (let layer = 0; layer < layers; layer++) {
    for (const copy of copyNumbers) {
      for (const gpu of gpuNumbers) addColumn(program, 0, mayBe(problem, layer, copy, gpu) ? 1 : 0, 1);
    }
  }
  for (let layer = 0; layer < layers; layer++) {
    for (const copy of copyNumbers) {
      addRow(
        program,
        1,
        1,
        gpuNumbers.map((gpu) => [place(problem, layer, copy, gpu), 1]),
      );
    }
    for (const gpu of gpuNumbers) {
      if ('perLayer' in room) {
        addRow(
          program,
          0,
          room.perLayer,
          copyNumbers.map((copy) => [place(problem, layer, copy, gpu), 1]),
        );
      }
      for (let first = 0; first < copies; ) {
        const expert = expertOf[layer * copies + first];
        const same = copyNumbers.filter((copy) => expertOf[layer * copies + copy] === expert);
        if (same.length > 1)
          addRow(
            program,
            0,
            1,
            same.map((copy) => [place(problem, layer, copy, gpu), 1]),
          );
        first += same.length;
      }
    }
  }
  if (!('bytes' in room)) return;
  for (const gpu of gpuNumbers) {
    const entries = room.expertBytes.flatMap((bytes, layer) =>
      copyNumbers.map((copy): [number, number] => [place(problem, layer, copy, gpu), bytes / room.bytes]),
    );
    addRow(program, 0, 1, entries);
  }
}

/**
 * GPUs of a node are interchangeable, and so are nodes. They are numbered by who of the first layer is the first to be
 * there, so that what differs in numbers alone is tried once.
 */
function mayBe({ nodes, gpus }: Problem, layer: number, copy: number, gpu: number): boolean {
  if (layer > 0) return true;
  if (copy === 0) return gpu === 0;
  return nodes[gpus - 1] === 0 ? gpu <= copy : (nodes[gpu] as number) <= copy;
}

/** Savings of pairs of copies, `from` in one layer and `to` in another or the same one. */
function addPairs(program: IntegerProgram, problem: Problem, pairs: Float64Array, from: number, to: number): void {
  const { copies, gpus, nodes, nodeCost, room } = problem;
  const nodeCount = (nodes[gpus - 1] as number) + 1;
  const units = Array.from({ length: gpus }, (_, gpu) => [gpu]);
  const clusters = Array.from({ length: nodeCount > 1 ? nodeCount : 0 }, (_, node) =>
    units.flat().filter((gpu) => nodes[gpu] === node),
  );
  const within = from === to;
  const size = 'perLayer' in room ? room.perLayer - (within ? 1 : 0) : copies;
  for (const [unit, factor] of [
    ...units.map((u) => [u, 1] as const),
    ...clusters.map((u) => [u, nodeCost - 1] as const),
  ]) {
    const ofFrom: [number, number][][] = Array.from({ length: copies }, () => []);
    const ofTo: [number, number][][] = within ? ofFrom : Array.from({ length: copies }, () => []);
    for (let i = 0; i < copies; i++) {
      for (let j = within ? i + 1 : 0; j < copies; j++) {
        const value = factor * (pairs[(from * copies + i) * copies + j] as number);
        if (value <= 0) continue;
        if (program.columns.cost.length > mostColumns) return;
        const both = addColumn(program, -value, 1, 0);
        program.offset += (costScale * value * unit.length) / gpus;
        for (const [layer, copy] of [
          [from, i],
          [to, j],
        ] as const) {
          addRow(program, -Infinity, 0, [
            [both, 1],
            ...unit.map((gpu): [number, number] => [place(problem, layer, copy, gpu), -1]),
          ]);
        }
        ofFrom[i]?.push([both, 1]);
        ofTo[j]?.push([both, 1]);
      }
    }
    const most = size * unit.length + (within ? unit.length - 1 : 0);
    const limit = (layer: number, lists: [number, number][][]) =>
      lists.forEach((list, copy) => {
        if (list.length <= most) return;
        addRow(program, -Infinity, 0, [
          ...list,
          ...unit.map((gpu): [number, number] => [place(problem, layer, copy, gpu), -most]),
        ]);
      });
    limit(from, ofFrom);
    if (!within) limit(to, ofTo);
  }
}

/** A column per layer for its busiest GPU, in parts of the mean. */
function addBalance(program: IntegerProgram, problem: Problem, load: Float64Array): void {
  const { layers, copies, gpus, balance } = problem;
  for (let layer = 0; layer < layers; layer++) {
    const busiest = addColumn(program, balance, gpus, 0, 1);
    program.offset -= costScale * balance;
    for (let gpu = 0; gpu < gpus; gpu++) {
      const loads = Array.from({ length: copies }, (_, copy): [number, number] => [
        place(problem, layer, copy, gpu),
        load[layer * copies + copy] as number,
      ]);
      addRow(program, -Infinity, 0, [...loads, [busiest, -1]]);
    }
  }
}
