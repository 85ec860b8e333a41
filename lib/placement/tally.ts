/** What is counted on tokens' ways through a placement, and what the counts come to. */

import type { TraceHeader } from '../trace/trace.js';
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

export interface Stop {
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
