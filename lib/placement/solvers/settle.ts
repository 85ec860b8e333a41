/** Layers placed one after the other, each as well as its neighbours allow, until none can be improved alone. */

import type { Assignment, Problem } from '../problem.js';
import { neighbourGains, roomOf } from './gains.js';
import { type LayerState, leastSaving, swapDown, valueOf } from './swaps.js';
import { transport } from './transport.js';

/** Room for a layer at work, so that nothing is allocated per step. */
export interface Workspace {
  gains: Float64Array;
  placed: Int32Array;
}

export function workspaceOf({ copies, gpus }: Problem): Workspace {
  return { gains: new Float64Array(copies * gpus), placed: new Int32Array(copies) };
}

/**
 * Goes over the layers marked in `open`, forward and back, and marks those beside a layer that changed. The assignment is allowed at
 * any time. Returns whether any is left open.
 */
export function settleOnce(problem: Problem, assignment: Assignment, open: Uint8Array, workspace: Workspace): boolean {
  const { layers } = problem;
  for (let step = 0; step < 2 * layers - 1; step++) {
    const layer = step < layers ? step : 2 * layers - 2 - step;
    if (open[layer] === 0) continue;
    open[layer] = 0;
    if (!placeLayer(problem, assignment, layer, workspace)) continue;
    if ('bytes' in problem.room) open.fill(1);
    if (layer > 0) open[layer - 1] = 1;
    if (layer + 1 < layers) open[layer + 1] = 1;
  }
  return open.includes(1);
}

/** Places one layer, exactly if pairs with its neighbours are all that counts. Returns whether it got better. */
function placeLayer(problem: Problem, assignment: Assignment, layer: number, { gains, placed }: Workspace): boolean {
  const { copies, gpus, expertOf, together, load } = problem;
  const here = assignment.subarray(layer * copies, (layer + 1) * copies);
  neighbourGains(problem, assignment, layer, gains);
  const room = roomOf(problem, assignment, layer);
  const state: LayerState = { problem, layer, gains, room };
  const before = valueOf(state, here);
  transport({ gpus, expertOf: expertOf.subarray(layer * copies, (layer + 1) * copies), gains, room }, placed);
  if (together || load) {
    swapDown(state, placed);
    const kept = here.slice();
    swapDown(state, kept);
    if (valueOf(state, kept) >= valueOf(state, placed)) placed.set(kept);
  }
  if (valueOf(state, placed) <= before + leastSaving) return false;
  here.set(placed);
  return true;
}
