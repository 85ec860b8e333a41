/** What solvers solve: copies of experts, what each pair of them costs apart, and where there is room. */

import type { RouteCounts } from './counts.js';
import { replicate } from './eplb.js';

/** How much each goal counts. All are shares of the same order, so that their sum means something. */
export interface Goals {
  /** Steps of first experts from a layer to the next that cross, or of all pairs; per step. */
  crossings: number;
  affinity: 'path' | 'pairs';
  /** Pairs of one token's experts in a layer that are apart, which decides how many GPUs its state goes to; per pair. */
  together: number;
  /** Load of the busiest GPU over the mean, less 1; mean over layers. */
  balance: number;
}

/** Equally many experts on each GPU in each layer, or as many as fit by bytes, over all layers. */
export type Room = { perLayer: number } | { bytes: number; expertBytes: readonly number[] };

export interface Problem {
  gpus: number;
  /** [gpus] */
  nodes: Int32Array;
  layers: number;
  experts: number;
  /** Copies of experts per layer, as many as experts if nothing is replicated. */
  copies: number;
  /** [layers][copies] the expert that each is a copy of; copies of an expert are never on one GPU. */
  expertOf: Int32Array;
  /** [layers - 1][copies][copies] cost of having the two on different GPUs of a node. */
  follow: Float64Array;
  /** [layers][copies][copies] the same within a layer; symmetric, each pair counts once. */
  together?: Float64Array;
  /** [layers][copies] each one's part of the layer's load, times the GPUs: a GPU with a sum of 1 has its fair part. */
  load?: Float64Array;
  /** Cost of a layer's busiest GPU per unit of load beyond 1. */
  balance: number;
  /** A pair in different nodes costs this many times what it costs on different GPUs of one node. */
  nodeCost: number;
  room: Room;
}

/** [layers][copies] the GPU of each copy. */
export type Assignment = Int32Array;

export function problemOf(
  counts: RouteCounts,
  cluster: { gpus: number; nodes: Int32Array },
  goals: Goals,
  { replicas, room, nodeCost }: { replicas: number; room: Room; nodeCost: number },
): Problem {
  const { layers, experts } = counts;
  const { expertOf, parts } = copiesOf(counts, replicas, cluster.gpus);
  const shape = { layers, experts, copies: replicas, expertOf, parts };
  const scale = (goal: number, whole: number) => (whole === 0 ? 0 : goal / whole);
  const pairsOfToken = counts.together.reduce((sum, value) => sum + value, 0);
  return {
    gpus: cluster.gpus,
    nodes: cluster.nodes,
    layers,
    experts,
    copies: replicas,
    expertOf,
    follow: spread(shape, counts[goals.affinity], layers - 1, 1, scale(goals.crossings, counts.transitions)),
    ...(goals.together > 0 && {
      together: spread(shape, counts.together, layers, 0, scale(2 * goals.together, pairsOfToken)),
    }),
    ...(goals.balance > 0 && { load: loadParts(shape, counts.load, cluster.gpus) }),
    balance: goals.balance / layers,
    nodeCost,
    room,
  };
}

interface Copies {
  layers: number;
  experts: number;
  copies: number;
  expertOf: Int32Array;
  /** [layers][copies] the part of its expert's tokens that a copy has. */
  parts: Float64Array;
}

/** EPLB's rule says how many copies an expert gets; they share its tokens evenly. */
function copiesOf({ layers, experts, load }: RouteCounts, replicas: number, gpus: number) {
  const expertOf = new Int32Array(layers * replicas);
  const parts = new Float64Array(layers * replicas);
  for (let layer = 0; layer < layers; layer++) {
    const loads = Array.from(load.subarray(layer * experts, (layer + 1) * experts));
    const { copies } = replicate(loads, replicas, gpus);
    let at = layer * replicas;
    copies.forEach((count, expert) => {
      expertOf.fill(expert, at, at + count);
      parts.fill(1 / count, at, at + count);
      at += count;
    });
  }
  return { expertOf, parts };
}

/**
 * Pairs of experts as pairs of copies. A token is at one copy of `from`, hence its part, and goes to the copy of `to` that is
 * on the same GPU, if any: at most one copy there, so the sum over copies is right. Within a layer both have their parts.
 */
function spread(shape: Copies, of: Float64Array, steps: number, ahead: 0 | 1, factor: number): Float64Array {
  const { experts, copies, expertOf, parts } = shape;
  const result = new Float64Array(Math.max(0, steps) * copies * copies);
  for (let layer = 0; layer < steps; layer++) {
    for (let from = 0; from < copies; from++) {
      const copy = layer * copies + from;
      const source = (layer * experts + (expertOf[copy] as number)) * experts;
      const part = factor * (parts[copy] as number);
      for (let to = 0; to < copies; to++) {
        const other = (layer + ahead) * copies + to;
        const value = part * (of[source + (expertOf[other] as number)] as number);
        result[copy * copies + to] = ahead === 1 ? value : value * (parts[other] as number);
      }
    }
  }
  return result;
}

function loadParts({ layers, experts, copies, expertOf, parts }: Copies, load: Float64Array, gpus: number) {
  const result = new Float64Array(layers * copies);
  for (let layer = 0; layer < layers; layer++) {
    const sum = load.subarray(layer * experts, (layer + 1) * experts).reduce((all, value) => all + value, 0);
    for (let copy = layer * copies; copy < (layer + 1) * copies; copy++) {
      const value = load[layer * experts + (expertOf[copy] as number)] as number;
      result[copy] = sum === 0 ? 0 : ((parts[copy] as number) * value * gpus) / sum;
    }
  }
  return result;
}
