/** Small problems, and their optimum by trying everything. */

import { costOf, violation } from '../../lib/placement/cost.js';
import type { Problem } from '../../lib/placement/problem.js';
import { uniforms } from '../../lib/random.js';

export interface Shape {
  layers: number;
  experts: number;
  gpus: number;
  nodes?: number;
  /** Copies of each expert in each layer; default one. */
  copies?: number[];
  together?: boolean;
  balance?: number;
  /** Bytes per GPU; an expert of layer l takes l + 1. */
  bytes?: number;
}

/** A problem with random costs, some of them zero. */
export function randomProblem(shape: Shape, seed: number): Problem {
  const { layers, experts, gpus, nodes = 1, copies: counts = Array<number>(experts).fill(1) } = shape;
  const random = uniforms(seed);
  const expertOf = counts.flatMap((count, expert) => Array<number>(count).fill(expert));
  const copies = expertOf.length;
  const some = (length: number) => Float64Array.from({ length }, () => (random() < 0.3 ? 0 : random() ** 2));
  const together = some(layers * copies * copies);
  for (let layer = 0; layer < layers; layer++) {
    for (let i = 0; i < copies; i++) {
      for (let j = 0; j <= i; j++) {
        const [cell, mirror] = [(layer * copies + i) * copies + j, (layer * copies + j) * copies + i];
        together[mirror] = i === j ? 0 : (together[cell] as number);
      }
    }
  }
  return {
    gpus,
    nodes: Int32Array.from({ length: gpus }, (_, gpu) => Math.floor((gpu * nodes) / gpus)),
    layers,
    experts,
    copies,
    expertOf: Int32Array.from({ length: layers * copies }, (_, at) => expertOf[at % copies] as number),
    follow: some((layers - 1) * copies * copies),
    ...(shape.together && { together }),
    ...(shape.balance !== undefined && { load: some(layers * copies) }),
    balance: shape.balance ?? 0,
    nodeCost: nodes > 1 ? 3 : 1,
    room:
      shape.bytes === undefined
        ? { perLayer: copies / gpus }
        : { bytes: shape.bytes, expertBytes: Array.from({ length: layers }, (_, layer) => layer + 1) },
  };
}

/** The least cost of all assignments that are allowed. */
export function optimum(problem: Problem): number {
  const { gpus, layers, copies, room } = problem;
  const assignment = new Int32Array(layers * copies);
  const counts = new Int32Array(layers * gpus);
  let best = Infinity;
  const place = (at: number) => {
    if (at === assignment.length) {
      const cost = costOf(problem, assignment);
      if (cost < best && violation(problem, assignment) === undefined) best = cost;
      return;
    }
    const row = Math.floor(at / copies) * gpus;
    for (let gpu = 0; gpu < gpus; gpu++) {
      if ('perLayer' in room && counts[row + gpu] === room.perLayer) continue;
      assignment[at] = gpu;
      counts[row + gpu] = (counts[row + gpu] as number) + 1;
      place(at + 1);
      counts[row + gpu] = (counts[row + gpu] as number) - 1;
    }
  };
  place(0);
  return best;
}

/** Copies dealt to GPUs in turn: allowed whenever no expert has more copies than there are GPUs, and bytes suffice. */
export function dealt({ gpus, layers, copies }: Problem): Int32Array {
  return Int32Array.from({ length: layers * copies }, (_, at) => ((at % copies) + Math.floor(at / copies)) % gpus);
}

export const settings = { seed: 1, timeLimit: 10 };

export const shapes: [name: string, shape: Shape, instances: number][] = [
  ['two GPUs', { layers: 3, experts: 4, gpus: 2 }, 30],
  ['three GPUs', { layers: 2, experts: 6, gpus: 3 }, 10],
  ['a GPU per expert', { layers: 3, experts: 4, gpus: 4 }, 10],
  ['nodes', { layers: 2, experts: 4, gpus: 4, nodes: 2 }, 20],
  ['copies', { layers: 2, experts: 3, gpus: 3, copies: [1, 2, 3] }, 20],
  ['pairs within layers', { layers: 2, experts: 6, gpus: 2, together: true }, 15],
  ['the busiest GPU', { layers: 3, experts: 4, gpus: 2, balance: 2 }, 20],
  ['all goals, nodes', { layers: 2, experts: 4, gpus: 4, nodes: 2, together: true, balance: 1 }, 15],
  ['bytes', { layers: 2, experts: 4, gpus: 2, bytes: 8 }, 30],
];
