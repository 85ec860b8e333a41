/**
 * Exchanges of two copies within a layer, while one saves something. For goals that a transportation problem cannot hold: pairs
 * within the layer, and the busiest GPU.
 */

import type { Problem } from '../problem.js';

/** Least saving that counts; costs are of the order of 1. */
export const leastSaving = 1e-10;

/** One layer, its neighbours given. */
export interface LayerState {
  problem: Problem;
  layer: number;
  /** [copies][gpus] from `neighbourGains`. */
  gains: Float64Array;
  /** [gpus] */
  room: Int32Array;
}

/** Improves `here`, [copies] GPUs of the layer, in place. */
export function swapDown(state: LayerState, here: Int32Array): void {
  const { problem, room } = state;
  const { copies, gpus } = problem;
  const sums = layerSums(state, here);
  for (let improved = true; improved; ) {
    improved = false;
    for (let copy = 0; copy < copies; copy++) {
      for (let other = copy + 1; other < copies; other++) {
        if (!maySwap(sums, here, copy, other)) continue;
        if (swapSaving(state, sums, here, copy, other) <= leastSaving) continue;
        const [from, to] = [here[copy] as number, here[other] as number];
        move(state, sums, here, copy, to);
        move(state, sums, here, other, from);
        improved = true;
      }
      for (let to = 0; to < gpus; to++) {
        if ((sums.counts[to] as number) >= (room[to] as number) || !mayMove(sums, here, copy, to)) continue;
        if (moveSaving(state, sums, here, copy, to) <= leastSaving) continue;
        move(state, sums, here, copy, to);
        improved = true;
      }
    }
  }
}

/** Value of a layer's assignment: what it saves, less what its busiest GPU costs. */
export function valueOf({ problem, layer, gains }: LayerState, here: Int32Array): number {
  const { gpus, copies, nodes, nodeCost, together, load, balance } = problem;
  let value = 0;
  const loads = new Float64Array(gpus);
  for (let copy = 0; copy < copies; copy++) {
    const gpu = here[copy] as number;
    value += gains[copy * gpus + gpu] as number;
    if (load) loads[gpu] = (loads[gpu] as number) + (load[layer * copies + copy] as number);
    if (!together) continue;
    for (let other = 0; other < copy; other++) {
      const otherGpu = here[other] as number;
      if (nodes[otherGpu] !== nodes[gpu]) continue;
      const saved = otherGpu === gpu ? nodeCost : nodeCost - 1;
      value += saved * (together[(layer * copies + copy) * copies + other] as number);
    }
  }
  return load ? value - balance * Math.max(0, Math.max(...loads) - 1) : value;
}

interface LayerSums {
  gpus: number;
  /** [gpus] copies there. */
  counts: Int32Array;
  /** [copies] */
  expertOf: Int32Array;
  /** [experts][gpus] copies of the expert there. */
  present: Uint8Array;
  /** [copies][gpus] and [copies][nodes]: weight of pairs within the layer whose other half is there. */
  toward: Float64Array;
  towardNode: Float64Array;
  /** [gpus] */
  loads: Float64Array;
}

function layerSums({ problem, layer }: LayerState, here: Int32Array): LayerSums {
  const { gpus, copies, experts, nodes, together } = problem;
  const nodeCount = (nodes[gpus - 1] as number) + 1;
  const sums: LayerSums = {
    gpus,
    counts: new Int32Array(gpus),
    expertOf: problem.expertOf.subarray(layer * copies, (layer + 1) * copies),
    present: new Uint8Array(experts * gpus),
    toward: new Float64Array(together ? copies * gpus : 0),
    towardNode: new Float64Array(together ? copies * nodeCount : 0),
    loads: new Float64Array(gpus),
  };
  for (let copy = 0; copy < copies; copy++) add(problem, layer, sums, copy, here[copy] as number, 1);
  return sums;
}

/** Takes a copy onto a GPU (sign 1), or off it (-1). */
function add(problem: Problem, layer: number, sums: LayerSums, copy: number, gpu: number, sign: 1 | -1): void {
  const { gpus, copies, nodes, together, load } = problem;
  sums.counts[gpu] = (sums.counts[gpu] as number) + sign;
  const cell = (sums.expertOf[copy] as number) * gpus + gpu;
  sums.present[cell] = (sums.present[cell] as number) + sign;
  if (load) sums.loads[gpu] = (sums.loads[gpu] as number) + sign * (load[layer * copies + copy] as number);
  if (!together) return;
  const node = nodes[gpu] as number;
  const nodeCount = sums.towardNode.length / copies;
  for (let other = 0; other < copies; other++) {
    const weight = sign * (together[(layer * copies + copy) * copies + other] as number);
    sums.toward[other * gpus + gpu] = (sums.toward[other * gpus + gpu] as number) + weight;
    const at = other * nodeCount + node;
    sums.towardNode[at] = (sums.towardNode[at] as number) + weight;
  }
}

function move({ problem, layer }: LayerState, sums: LayerSums, here: Int32Array, copy: number, to: number): void {
  add(problem, layer, sums, copy, here[copy] as number, -1);
  add(problem, layer, sums, copy, to, 1);
  here[copy] = to;
}

function mayMove({ gpus, expertOf, present }: LayerSums, here: Int32Array, copy: number, to: number): boolean {
  return here[copy] !== to && present[(expertOf[copy] as number) * gpus + to] === 0;
}

function maySwap(sums: LayerSums, here: Int32Array, copy: number, other: number): boolean {
  return mayMove(sums, here, copy, here[other] as number) && mayMove(sums, here, other, here[copy] as number);
}

function moveSaving(state: LayerState, sums: LayerSums, here: Int32Array, copy: number, to: number): number {
  const from = here[copy] as number;
  const { problem, layer } = state;
  const load = problem.load?.[layer * problem.copies + copy] ?? 0;
  return (
    placeValue(state, sums, copy, to) - placeValue(state, sums, copy, from) - busier(problem, sums, from, to, load)
  );
}

function swapSaving(state: LayerState, sums: LayerSums, here: Int32Array, copy: number, other: number): number {
  const { problem, layer } = state;
  const { copies, nodes, nodeCost, together, load } = problem;
  const [from, to] = [here[copy] as number, here[other] as number];
  let saving =
    placeValue(state, sums, copy, to) -
    placeValue(state, sums, copy, from) +
    placeValue(state, sums, other, from) -
    placeValue(state, sums, other, to);
  if (together) {
    // Each counted the other as if that stayed where it is.
    const apart = nodes[from] === nodes[to] ? nodeCost - 1 : 0;
    saving -= 2 * (nodeCost - apart) * (together[(layer * copies + copy) * copies + other] as number);
  }
  if (!load) return saving;
  const moved = (load[layer * copies + copy] as number) - (load[layer * copies + other] as number);
  return saving - busier(problem, sums, from, to, moved);
}

/** What a copy saves by being on a GPU, all others as they are. */
function placeValue({ problem, gains }: LayerState, sums: LayerSums, copy: number, gpu: number): number {
  const { gpus, copies, nodes, nodeCost, together } = problem;
  const value = gains[copy * gpus + gpu] as number;
  if (!together) return value;
  const nodeCount = sums.towardNode.length / copies;
  const inNode = sums.towardNode[copy * nodeCount + (nodes[gpu] as number)] as number;
  return value + (sums.toward[copy * gpus + gpu] as number) + (nodeCost - 1) * inNode;
}

/** How much more the busiest GPU costs once `load` has gone from one to another. */
function busier({ load: loads, balance }: Problem, sums: LayerSums, from: number, to: number, load: number): number {
  if (!loads) return 0;
  let others = 1;
  for (let gpu = 0; gpu < sums.gpus; gpu++) {
    if (gpu !== from && gpu !== to) others = Math.max(others, sums.loads[gpu] as number);
  }
  const [a, b] = [sums.loads[from] as number, sums.loads[to] as number];
  return balance * (Math.max(others, a - load, b + load) - Math.max(others, a, b));
}
