/** Placements that need no search: what a plan has to be better than. */

import { shuffle, uniforms } from '../random.js';
import type { RouteCounts } from './counts.js';
import { balancedPacking, rebalanceExperts } from './eplb.js';
import { fromSlots, type Placement, unflatten } from './placement.js';

export interface Baseline {
  name: BaselineName;
  placement: Placement;
}

export type BaselineName =
  | 'linear'
  | 'round-robin'
  | 'random'
  | 'balanced'
  | 'greedy'
  | 'eplb-global'
  | 'eplb-hierarchical';

export interface BaselineOptions {
  gpus: number;
  nodes: number;
  /** Copies of experts per layer, the number of experts at least. */
  replicas: number;
  /** Of experts, for hierarchical EPLB. Default: each is one. */
  groups?: number;
  seed: number | bigint;
}

/** Those that make sense: without copies also ones that do not know how to place copies, EPLB where numbers divide. */
export function baselinesOf(counts: RouteCounts, options: BaselineOptions): Baseline[] {
  const { layers, experts } = counts;
  const { gpus, nodes, replicas } = options;
  const groups = options.groups ?? experts;
  const baselines: Baseline[] = [
    { name: 'linear', placement: inOrder(counts, options) },
    { name: 'random', placement: random(counts, options) },
  ];
  if (replicas === experts) {
    const roundRobin = Int32Array.from({ length: layers * experts }, (_, at) => (at % experts) % gpus);
    baselines.splice(1, 0, { name: 'round-robin', placement: unflatten(roundRobin, layers) });
  }
  if (replicas % gpus !== 0) return baselines;
  if (replicas === experts) {
    baselines.push({ name: 'balanced', placement: balanced(counts, gpus) });
    baselines.push({ name: 'greedy', placement: unflatten(greedy(counts, gpus), layers) });
  }
  const load = loadsOf(counts);
  const eplb = (name: BaselineName, setting: { groups: number; nodes: number }) =>
    baselines.push({
      name,
      placement: fromSlots(rebalanceExperts(load, { ...setting, replicas, gpus }), experts, gpus),
    });
  eplb('eplb-global', { groups: 1, nodes: 1 });
  const divides = experts % groups === 0 && groups % nodes === 0 && replicas % nodes === 0;
  if (nodes > 1 && divides) eplb('eplb-hierarchical', { groups, nodes });
  return baselines;
}

function loadsOf({ layers, experts, load }: RouteCounts): number[][] {
  return Array.from({ length: layers }, (_, layer) =>
    Array.from(load.subarray(layer * experts, (layer + 1) * experts)),
  );
}

/** Neighbouring experts together, copies from the first expert on again: what serving engines do by themselves. */
function inOrder({ layers, experts }: RouteCounts, { gpus, replicas }: BaselineOptions): Placement {
  const slots = Array.from({ length: replicas }, (_, slot) => slot % experts);
  return fromSlots(Array(layers).fill(slots), experts, gpus);
}

function random({ layers, experts }: RouteCounts, { gpus, replicas, seed }: BaselineOptions): Placement {
  const uniform = uniforms(seed);
  const slots = Array.from({ length: layers }, () => {
    const layer = Int32Array.from({ length: replicas }, (_, slot) => slot % experts);
    shuffle(layer, uniform);
    return Array.from(layer);
  });
  return fromSlots(slots, experts, gpus);
}

/** Each layer by itself: experts by falling load, each to the GPU with the least so far. */
function balanced(counts: RouteCounts, gpus: number): Placement {
  return fromSlots(
    loadsOf(counts).map((load) => balancedPacking(load, gpus).flat()),
    counts.experts,
    gpus,
  );
}

/**
 * The first layer in order; then, layer by layer, pairs of an expert and a GPU by falling number of tokens that come from there,
 * equal ones in the order of experts, then GPUs. Without ranks, by the weight of all pairs.
 *
 * @returns [layers][experts]
 */
export function greedy(counts: RouteCounts, gpus: number): Int32Array {
  const { layers, experts } = counts;
  const follow = counts.path.some((count) => count > 0) ? counts.path : counts.pairs;
  const placed = Int32Array.from({ length: layers * experts }, (_, at) =>
    Math.floor(((at % experts) * gpus) / experts),
  );
  for (let layer = 1; layer < layers; layer++) {
    const weights = new Float64Array(experts * gpus);
    for (let from = 0; from < experts; from++) {
      const gpu = placed[(layer - 1) * experts + from] as number;
      const row = ((layer - 1) * experts + from) * experts;
      for (let to = 0; to < experts; to++) {
        weights[to * gpus + gpu] = (weights[to * gpus + gpu] as number) + (follow[row + to] as number);
      }
    }
    const order = Array.from(weights.keys()).sort((a, b) => (weights[b] as number) - (weights[a] as number) || a - b);
    const counted = new Int32Array(gpus);
    const here = placed.subarray(layer * experts, (layer + 1) * experts).fill(-1);
    for (const pair of order) {
      const [expert, gpu] = [Math.floor(pair / gpus), pair % gpus];
      if (here[expert] !== -1 || counted[gpu] === Math.ceil(experts / gpus)) continue;
      here[expert] = gpu;
      counted[gpu] = (counted[gpu] as number) + 1;
    }
  }
  return placed;
}
