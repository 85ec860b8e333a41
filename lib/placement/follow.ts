/** One token's way through a placement. */

import { NOT_RECORDED } from '../trace/trace.js';
import type { FlatPlacement } from './placement.js';
import type { Stop, Tally } from './tally.js';

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
