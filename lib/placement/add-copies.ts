/**
 * Copies of experts where tokens come from. EPLB gives copies to the busiest experts; here, a GPU gets a copy of whichever
 * expert its tokens leave it for most often.
 */

import type { RouteCounts } from './counts.js';
import type { Placement } from './placement.js';
import type { Assignment } from './problem.js';

interface Machines {
  gpus: number;
  /** [gpus] */
  nodes: Int32Array;
  nodeCost: number;
}

/**
 * Fills each layer up to `replicas` places, equally many per GPU. Layer by layer, what is copied is what saves the most crossings
 * from the layer before, given the copies there. Tokens are taken to forget where they were before that. In the first layer copies
 * rather do harm, as tokens begin on any GPU and go to the copy there: those are taken that do the least.
 *
 * @param base [layers][experts] the GPU of each expert, at most replicas / gpus per GPU
 */
export function addCopies(
  counts: RouteCounts,
  base: Assignment,
  { affinity, replicas }: { affinity: 'path' | 'pairs'; replicas: number },
  machines: Machines,
): Placement {
  const { layers, experts } = counts;
  const { gpus } = machines;
  const placement: Placement = [];
  // [experts][gpus] the part of each expert's tokens that are there, in the layer at hand.
  let parts: Float64Array = new Float64Array(0);
  for (let layer = 0; layer < layers; layer++) {
    const homes = base.subarray(layer * experts, (layer + 1) * experts);
    const steps = (from: number) => counts[affinity].subarray(from * experts ** 2, (from + 1) * experts ** 2);
    const incoming = layer === 0 ? undefined : inflow(steps(layer - 1), parts, experts, gpus);
    const wanted = incoming ?? outflow(steps(0), homes, base.subarray(experts, 2 * experts), gpus);
    const present = fill(wanted, homes, replicas / gpus, machines);
    parts = incoming ? landing(incoming, present, machines) : evenParts(present, experts, gpus);
    placement.push(
      Array.from({ length: experts }, (_, expert) => {
        const list = Array.from({ length: gpus }, (__, gpu) => gpu).filter((gpu) => present[expert * gpus + gpu] === 1);
        return list.length === 1 ? (list[0] as number) : list;
      }),
    );
  }
  return placement;
}

/** [experts][gpus] tokens that come to each expert from each GPU. */
function inflow(steps: Float64Array, parts: Float64Array, experts: number, gpus: number): Float64Array {
  const result = new Float64Array(experts * gpus);
  for (let from = 0; from < experts; from++) {
    for (let gpu = 0; gpu < gpus; gpu++) {
      const part = parts[from * gpus + gpu] as number;
      if (part === 0) continue;
      for (let to = 0; to < experts; to++) {
        const at = to * gpus + gpu;
        result[at] = (result[at] as number) + part * (steps[from * experts + to] as number);
      }
    }
  }
  return result;
}

/** [experts][gpus] how many more tokens would go on to the same GPU if the expert were there and not at home. */
function outflow(steps: Float64Array, homes: Assignment, next: Assignment, gpus: number): Float64Array {
  const experts = homes.length;
  const result = new Float64Array(experts * gpus);
  next.forEach((gpu, to) => {
    for (let from = 0; from < experts; from++) {
      const at = from * gpus + gpu;
      result[at] = (result[at] as number) + (steps[from * experts + to] as number);
    }
  });
  homes.forEach((home, from) => {
    const there = result[from * gpus + home] as number;
    for (let at = from * gpus; at < (from + 1) * gpus; at++) result[at] = (result[at] as number) - there;
  });
  return result;
}

/** [experts][gpus] 1 where an expert is: at home, and where a copy saves the most, one after the other. */
function fill(wanted: Float64Array, homes: Assignment, perGpu: number, machines: Machines): Uint8Array {
  const { gpus } = machines;
  const experts = homes.length;
  const present = new Uint8Array(experts * gpus);
  const room = new Int32Array(gpus).fill(perGpu);
  const take = (expert: number, gpu: number) => {
    present[expert * gpus + gpu] = 1;
    room[gpu] = (room[gpu] as number) - 1;
  };
  homes.forEach((gpu, expert) => {
    take(expert, gpu);
  });
  const saved = Float64Array.from({ length: experts * gpus }, (_, at) => savingOf(wanted, present, at, machines));
  for (let left = room.reduce((sum, value) => sum + value, 0); left > 0; left--) {
    let best = -1;
    for (let at = 0; at < saved.length; at++) {
      if (present[at] === 1 || room[at % gpus] === 0) continue;
      if (best < 0 || (saved[at] as number) > (saved[best] as number)) best = at;
    }
    const expert = Math.floor(best / gpus);
    take(expert, best % gpus);
    for (let at = expert * gpus; at < (expert + 1) * gpus; at++) saved[at] = savingOf(wanted, present, at, machines);
  }
  return present;
}

/** What a copy would save: tokens on its GPU need not leave it, and those of its node not the node. */
function savingOf(wanted: Float64Array, present: Uint8Array, at: number, { gpus, nodes, nodeCost }: Machines): number {
  const [row, gpu] = [at - (at % gpus), at % gpus];
  let inNode = false;
  for (let other = 0; other < gpus; other++) inNode ||= nodes[other] === nodes[gpu] && present[row + other] === 1;
  if (inNode) return wanted[at] as number;
  const several = nodes[gpus - 1] !== 0;
  let saving = several ? nodeCost * (wanted[at] as number) : (wanted[at] as number);
  for (let other = 0; other < gpus && several; other++) {
    if (other !== gpu && nodes[other] === nodes[gpu]) saving += (nodeCost - 1) * (wanted[row + other] as number);
  }
  return saving;
}

/** Parts of each expert's tokens per GPU, once each went to the copy on its GPU, else in its node, else to any. */
function landing(incoming: Float64Array, present: Uint8Array, { gpus, nodes }: Machines): Float64Array {
  const parts = new Float64Array(incoming.length);
  for (let row = 0; row < incoming.length; row += gpus) {
    const copies: number[] = [];
    for (let gpu = 0; gpu < gpus; gpu++) if (present[row + gpu] === 1) copies.push(gpu);
    let all = 0;
    for (let gpu = 0; gpu < gpus; gpu++) {
      const tokens = incoming[row + gpu] as number;
      const near = copies.filter((copy) => nodes[copy] === nodes[gpu]);
      const targets = present[row + gpu] === 1 ? [gpu] : near.length > 0 ? near : copies;
      for (const target of targets) parts[row + target] = (parts[row + target] as number) + tokens / targets.length;
      all += tokens;
    }
    for (const copy of copies) parts[row + copy] = all > 0 ? (parts[row + copy] as number) / all : 1 / copies.length;
  }
  return parts;
}

function evenParts(present: Uint8Array, experts: number, gpus: number): Float64Array {
  const parts = new Float64Array(experts * gpus);
  for (let row = 0; row < parts.length; row += gpus) {
    const copies = present.subarray(row, row + gpus).reduce((sum, value) => sum + value, 0);
    for (let gpu = row; gpu < row + gpus; gpu++) parts[gpu] = (present[gpu] as number) / copies;
  }
  return parts;
}
