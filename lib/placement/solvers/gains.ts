/** What a layer's copies gain by being on a GPU, given where the layers beside it are. */

import type { Assignment, Problem } from '../problem.js';

/**
 * Writes [copies][gpus] to `gains`: cost saved against being in another node than everything. `sides` leaves out the layer before
 * or the one after.
 */
export function neighbourGains(
  problem: Problem,
  assignment: Assignment,
  layer: number,
  gains: Float64Array,
  sides: { before: boolean; after: boolean } = { before: true, after: true },
): void {
  const { gpus, layers, copies, follow } = problem;
  gains.fill(0);
  if (sides.before && layer > 0) {
    const cells = (layer - 1) * copies * copies;
    for (let from = 0; from < copies; from++) {
      const gpu = assignment[(layer - 1) * copies + from] as number;
      const row = cells + from * copies;
      for (let copy = 0, at = gpu; copy < copies; copy++, at += gpus) {
        gains[at] = (gains[at] as number) + (follow[row + copy] as number);
      }
    }
  }
  if (sides.after && layer + 1 < layers) {
    const cells = layer * copies * copies;
    const next = (layer + 1) * copies;
    for (let copy = 0; copy < copies; copy++) {
      const row = cells + copy * copies;
      for (let to = 0; to < copies; to++) {
        const at = copy * gpus + (assignment[next + to] as number);
        gains[at] = (gains[at] as number) + (follow[row + to] as number);
      }
    }
  }
  savings(problem, gains);
}

/**
 * Turns weight on each GPU, [rows][gpus], into cost saved there: crossing nodes costs `nodeCost` times as much, so being in
 * the node saves the difference, and being on the GPU saves 1 more.
 */
function savings({ gpus, nodes, nodeCost }: Problem, weights: Float64Array): void {
  const nodeCount = (nodes[gpus - 1] as number) + 1;
  if (nodeCount === 1) return;
  const sums = new Float64Array(nodeCount);
  for (let row = 0; row < weights.length; row += gpus) {
    sums.fill(0);
    for (let gpu = 0; gpu < gpus; gpu++) {
      const node = nodes[gpu] as number;
      sums[node] = (sums[node] as number) + (weights[row + gpu] as number);
    }
    for (let gpu = 0; gpu < gpus; gpu++) {
      weights[row + gpu] = (weights[row + gpu] as number) + (nodeCost - 1) * (sums[nodes[gpu] as number] as number);
    }
  }
}

/** [gpus] how many copies of a layer have room on each GPU, beside what the other layers take. */
export function roomOf({ gpus, layers, copies, room }: Problem, assignment: Assignment, layer: number): Int32Array {
  if ('perLayer' in room) return new Int32Array(gpus).fill(room.perLayer);
  const free = new Float64Array(gpus).fill(room.bytes);
  for (let other = 0; other < layers; other++) {
    if (other === layer) continue;
    for (let copy = other * copies; copy < (other + 1) * copies; copy++) {
      const gpu = assignment[copy] as number;
      free[gpu] = (free[gpu] as number) - (room.expertBytes[other] as number);
    }
  }
  return Int32Array.from(free, (bytes) =>
    Math.max(0, Math.min(copies, Math.floor(bytes / (room.expertBytes[layer] as number)))),
  );
}
