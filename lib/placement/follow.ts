/** One token's way through a placement, and what is counted on it. */

import { NOT_RECORDED, type TraceHeader } from '../trace/trace.js';
import type { Evaluation } from './evaluation.js';
import type { FlatPlacement } from './placement.js';

export interface Tally {
  placement: FlatPlacement;
  k: number;
  /** [gpus] */
  nodes: Int32Array;
  tokens: number;
  transitions: number;
  crossings: number;
  nodeCrossings: number;
  tokensThatStay: number;
  /** Sums over steps, of shares of weight. */
  pairsCross: number;
  pairsCrossNodes: number;
  tokenLayers: number;
  gpusTouched: number;
  nodesTouched: number;
  dispatched: number;
  returned: number;
  nodeDispatched: number;
  nodeReturned: number;
  /** [layers][gpus] uses of experts. */
  load: Float64Array;
  /** The experts' GPUs at the layer at hand and the one before, [k], with each GPU's and node's part of the weight. */
  here: Stop;
  last: Stop;
}

interface Stop {
  at: Int32Array;
  /** [gpus], [nodes] */
  weight: Float64Array;
  nodeWeight: Float64Array;
}

export function startTally(placement: FlatPlacement, { k }: TraceHeader, nodes: Int32Array): Tally {
  const stop = (): Stop => ({
    at: new Int32Array(k),
    weight: new Float64Array(nodes.length),
    nodeWeight: new Float64Array(nodes.length),
  });
  return {
    placement,
    k,
    nodes,
    tokens: 0,
    transitions: 0,
    crossings: 0,
    nodeCrossings: 0,
    tokensThatStay: 0,
    pairsCross: 0,
    pairsCrossNodes: 0,
    tokenLayers: 0,
    gpusTouched: 0,
    nodesTouched: 0,
    dispatched: 0,
    returned: 0,
    nodeDispatched: 0,
    nodeReturned: 0,
    load: new Float64Array(placement.layers * nodes.length),
    here: stop(),
    last: stop(),
  };
}

/**
 * A token is where its first expert was. Of an expert's copies it takes the one on that GPU, else one in that node, else any;
 * among several the next one for each token, as servers spread them. Before its first layer it is on a GPU that goes by
 * its sequence.
 */
export function followToken(
  tally: Tally,
  routes: Int32Array,
  token: number,
  sequence: number,
  shares: Float64Array,
): void {
  const { placement, k, nodes, load } = tally;
  const { layers, experts } = placement;
  let place = sequence % nodes.length;
  let cameFrom = -1;
  let left = false;
  for (let layer = 0; layer < layers; layer++) {
    const first = (token * layers + layer) * k;
    if (routes[first] === NOT_RECORDED) {
      cameFrom = -1;
      continue;
    }
    const { here } = tally;
    for (let rank = 0; rank < k; rank++) {
      const gpu = choose(
        placement,
        layer * experts + (routes[first + rank] as number),
        place,
        nodes,
        tally.tokens + rank,
      );
      here.at[rank] = gpu;
      load[layer * nodes.length + gpu] = (load[layer * nodes.length + gpu] as number) + 1;
    }
    weigh(here, nodes, shares, layer * k);
    const main = here.at[0] as number;
    count(tally, cameFrom, main);
    if (cameFrom >= 0 && main !== cameFrom) left = true;
    place = main;
    cameFrom = main;
    tally.here = tally.last;
    tally.last = here;
  }
  tally.tokens++;
  if (!left) tally.tokensThatStay++;
}

function choose({ starts, gpus }: FlatPlacement, expert: number, place: number, nodes: Int32Array, turn: number) {
  const start = starts[expert] as number;
  const copies = (starts[expert + 1] as number) - start;
  if (copies === 1) return gpus[start] as number;
  let inNode = 0;
  for (let copy = start; copy < start + copies; copy++) {
    if (gpus[copy] === place) return place;
    if (nodes[gpus[copy] as number] === nodes[place]) inNode++;
  }
  if (inNode === 0) return gpus[start + (turn % copies)] as number;
  let wanted = turn % inNode;
  for (let copy = start; ; copy++) {
    if (nodes[gpus[copy] as number] === nodes[place] && wanted-- === 0) return gpus[copy] as number;
  }
}

function weigh({ at, weight, nodeWeight }: Stop, nodes: Int32Array, shares: Float64Array, first: number): void {
  weight.fill(0);
  nodeWeight.fill(0);
  for (let rank = 0; rank < at.length; rank++) {
    const gpu = at[rank] as number;
    const share = shares[first + rank] as number;
    weight[gpu] = (weight[gpu] as number) + share;
    const node = nodes[gpu] as number;
    nodeWeight[node] = (nodeWeight[node] as number) + share;
  }
}

/** Counts a layer: `tally.here` is where the experts are, `tally.last` where those of the layer before were. */
function count(tally: Tally, cameFrom: number, main: number): void {
  const { here, last, nodes } = tally;
  const isStep = cameFrom >= 0;
  let stayed = 0;
  let stayedInNode = 0;
  tally.tokenLayers++;
  for (let rank = 0; rank < here.at.length; rank++) {
    const gpu = here.at[rank] as number;
    const node = nodes[gpu] as number;
    const seen = here.at.indexOf(gpu) < rank;
    if (!seen) {
      tally.gpusTouched++;
      stayed += (here.weight[gpu] as number) * (last.weight[gpu] as number);
      if (gpu !== main) tally.returned++;
      if (node !== nodes[main]) tally.nodeReturned++;
      if (isStep && gpu !== cameFrom) tally.dispatched++;
      if (isStep && node !== nodes[cameFrom]) tally.nodeDispatched++;
    }
    if (!seen && isFirstOfNode(here.at, rank, nodes)) {
      tally.nodesTouched++;
      stayedInNode += (here.nodeWeight[node] as number) * (last.nodeWeight[node] as number);
    }
  }
  if (!isStep) {
    // Any GPU may have had the token: the mean over all of them.
    const touched = new Set(here.at);
    tally.dispatched += touched.size * (1 - 1 / nodes.length);
    tally.nodeDispatched += touched.size * (1 - 1 / ((nodes.at(-1) as number) + 1));
    return;
  }
  tally.transitions++;
  tally.pairsCross += 1 - stayed;
  tally.pairsCrossNodes += 1 - stayedInNode;
  if (main !== cameFrom) tally.crossings++;
  if (nodes[main] !== nodes[cameFrom]) tally.nodeCrossings++;
}

function isFirstOfNode(at: Int32Array, rank: number, nodes: Int32Array): boolean {
  const node = nodes[at[rank] as number];
  for (let earlier = 0; earlier < rank; earlier++) if (nodes[at[earlier] as number] === node) return false;
  return true;
}

export function resultOf(tally: Tally, ranked: boolean): Evaluation {
  const { tokens, transitions, crossings, nodeCrossings, tokenLayers } = tally;
  const per = (sum: number, of: number) => (of === 0 ? 0 : sum / of);
  const crossingsOf = (all: number, betweenNodes: number) => ({
    share: per(all, transitions),
    nodeShare: per(betweenNodes, transitions),
    perToken: per(all, tokens),
    nodePerToken: per(betweenNodes, tokens),
  });
  return {
    tokens,
    transitions,
    ...(ranked && {
      path: {
        ...crossingsOf(crossings, nodeCrossings),
        crossings,
        nodeCrossings,
        stays: 1 - per(crossings, transitions),
        tokensThatStay: per(tally.tokensThatStay, tokens),
      },
    }),
    pairs: crossingsOf(tally.pairsCross, tally.pairsCrossNodes),
    gpusPerTokenLayer: per(tally.gpusTouched, tokenLayers),
    nodesPerTokenLayer: per(tally.nodesTouched, tokenLayers),
    load: loadOf(tally),
    coherent: {
      dispatched: per(tally.dispatched, tokens),
      returned: per(tally.returned, tokens),
      nodeDispatched: per(tally.nodeDispatched, tokens),
      nodeReturned: per(tally.nodeReturned, tokens),
    },
  };
}

/** Layers that no token has are left out. */
function loadOf({ load, nodes, placement }: Tally): Evaluation['load'] {
  let [sum, counted, worst, worstLayer] = [0, 0, 0, 0];
  for (let layer = 0; layer < placement.layers; layer++) {
    const loads = load.subarray(layer * nodes.length, (layer + 1) * nodes.length);
    const total = loads.reduce((all, value) => all + value, 0);
    if (total === 0) continue;
    const imbalance = (Math.max(...loads) * nodes.length) / total;
    sum += imbalance;
    counted++;
    if (imbalance > worst) [worst, worstLayer] = [imbalance, layer];
  }
  return { mean: counted === 0 ? 0 : sum / counted, worst, worstLayer };
}
