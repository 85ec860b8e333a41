/** How often experts follow each other: all that solvers know of a trace. */

import { type Holdout, isHeldOut } from '../trace/holdout.js';
import { NOT_RECORDED, type Trace, type TraceHeader, type TraceTokens } from '../trace/trace.js';
import { forEachToken } from './for-each-token.js';

/** Counts of some tokens. Flat arrays; `from` and `to` are experts of a layer and of the next one. */
export interface RouteCounts {
  layers: number;
  experts: number;
  k: number;
  tokens: number;
  /** Steps of a token from a layer to the next, both recorded. */
  transitions: number;
  /**
   * [layers - 1][from][to]: tokens whose first expert was `from`, then `to`: affinity as in ExFlow (arXiv 2401.08383,
   * section 4), before it is divided by the sum over `to`. Zero for a trace without ranks.
   */
  path: Float64Array;
  /** Same shape: all k x k pairs of a token, each weighted by the product of both gate weights; a step adds 1 in all. */
  pairs: Float64Array;
  /** [layers][expert][expert]: tokens that went to both, in the same layer. Symmetric, the diagonal is zero. */
  together: Float64Array;
  /** [layers][expert]: tokens that went to it. */
  load: Float64Array;
}

export interface SplitCounts {
  train: RouteCounts;
  test: RouteCounts;
}

/**
 * Counts a trace in one pass. Memory is (6 layers) x experts^2 numbers, however long the trace is. Layers that were not
 * recorded are left out, and the steps to and from them.
 *
 * @throws InvalidArgumentError naming the token and layer of an expert that does not exist
 */
export async function countRoutes(trace: Trace, holdout: Holdout, signal?: AbortSignal): Promise<SplitCounts> {
  const split = { train: emptyCounts(trace), test: emptyCounts(trace) };
  const heldOut = isHeldOut(holdout);
  await forEachToken(trace, signal, (tokens, token, shares) => {
    const half = heldOut(tokens.sequence[token] as number) ? 'test' : 'train';
    countToken(split[half], trace.ranked, tokens, token, shares);
  });
  return split;
}

function emptyCounts({ layers, experts, k }: TraceHeader): RouteCounts {
  const steps = Math.max(0, layers - 1) * experts * experts;
  return {
    layers,
    experts,
    k,
    tokens: 0,
    transitions: 0,
    path: new Float64Array(steps),
    pairs: new Float64Array(steps),
    together: new Float64Array(layers * experts * experts),
    load: new Float64Array(layers * experts),
  };
}

function countToken(
  counts: RouteCounts,
  ranked: boolean,
  { experts: routes }: TraceTokens,
  token: number,
  shares: Float64Array,
): void {
  const { layers, experts, k, path, pairs, together, load } = counts;
  counts.tokens++;
  for (let layer = 0; layer < layers; layer++) {
    const here = (token * layers + layer) * k;
    if (routes[here] === NOT_RECORDED) continue;
    for (let rank = 0; rank < k; rank++) {
      const row = layer * experts + (routes[here + rank] as number);
      load[row] = (load[row] as number) + 1;
      for (let other = 0; other < k; other++) {
        if (other === rank) continue;
        const cell = row * experts + (routes[here + other] as number);
        together[cell] = (together[cell] as number) + 1;
      }
    }
    const next = here + k;
    if (layer + 1 === layers || routes[next] === NOT_RECORDED) continue;
    counts.transitions++;
    for (let rank = 0; rank < k; rank++) {
      const row = (layer * experts + (routes[here + rank] as number)) * experts;
      const share = shares[layer * k + rank] as number;
      for (let other = 0; other < k; other++) {
        const cell = row + (routes[next + other] as number);
        pairs[cell] = (pairs[cell] as number) + share * (shares[(layer + 1) * k + other] as number);
      }
    }
    if (ranked) {
      const cell = (layer * experts + (routes[here] as number)) * experts + (routes[next] as number);
      path[cell] = (path[cell] as number) + 1;
    }
  }
}
