/** The cost of an assignment, from scratch, and whether it keeps to what is allowed. */

import type { Assignment, Problem } from './problem.js';

/** Sum over all pairs that are apart, and over each layer's busiest GPU. */
export function costOf(problem: Problem, assignment: Assignment): number {
  const { layers, copies, follow, together } = problem;
  let cost = 0;
  for (let layer = 0; layer < layers; layer++) {
    const here = assignment.subarray(layer * copies, (layer + 1) * copies);
    const cells = layer * copies * copies;
    if (layer + 1 < layers) {
      const next = assignment.subarray((layer + 1) * copies, (layer + 2) * copies);
      cost += apart(problem, follow.subarray(cells, cells + copies * copies), here, next);
    }
    if (together) cost += apart(problem, together.subarray(cells, cells + copies * copies), here, here) / 2;
    cost += imbalance(problem, here, layer);
  }
  return cost;
}

function apart({ nodes, nodeCost }: Problem, pairs: Float64Array, from: Assignment, to: Assignment): number {
  let cost = 0;
  for (let i = 0; i < from.length; i++) {
    const gpu = from[i] as number;
    for (let j = 0; j < to.length; j++) {
      const other = to[j] as number;
      if (gpu === other) continue;
      const value = pairs[i * to.length + j] as number;
      cost += nodes[gpu] === nodes[other] ? value : value * nodeCost;
    }
  }
  return cost;
}

function imbalance({ gpus, copies, load, balance }: Problem, here: Assignment, layer: number): number {
  if (!load) return 0;
  const sums = new Float64Array(gpus);
  here.forEach((gpu, copy) => {
    sums[gpu] = (sums[gpu] as number) + (load[layer * copies + copy] as number);
  });
  return balance * Math.max(0, Math.max(...sums) - 1);
}

/** What the assignment breaks, in words; undefined if nothing. */
export function violation(problem: Problem, assignment: Assignment): string | undefined {
  const { gpus, layers, copies, experts, expertOf, room } = problem;
  if (assignment.length !== layers * copies) return `${assignment.length} places for ${layers * copies} copies`;
  const bytes = new Float64Array(gpus);
  for (let layer = 0; layer < layers; layer++) {
    const counts = new Int32Array(gpus);
    const present = new Uint8Array(experts * gpus);
    for (let copy = layer * copies; copy < (layer + 1) * copies; copy++) {
      const gpu = assignment[copy] as number;
      if (!(gpu >= 0 && gpu < gpus)) return `layer ${layer}: GPU ${gpu} of ${gpus}`;
      const cell = (expertOf[copy] as number) * gpus + gpu;
      if (present[cell] === 1) return `layer ${layer}: expert ${expertOf[copy]} is twice on GPU ${gpu}`;
      present[cell] = 1;
      counts[gpu] = (counts[gpu] as number) + 1;
      if ('bytes' in room) bytes[gpu] = (bytes[gpu] as number) + (room.expertBytes[layer] as number);
    }
    if ('perLayer' in room) {
      const full = counts.findIndex((count) => count > room.perLayer);
      if (full >= 0)
        return `layer ${layer}: ${counts[full]} experts on GPU ${full}, which has room for ${room.perLayer}`;
    }
  }
  const over = 'bytes' in room ? bytes.findIndex((sum) => sum > room.bytes) : -1;
  return over >= 0 ? `GPU ${over} holds ${bytes[over]} bytes` : undefined;
}
