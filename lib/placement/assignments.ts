/** Between placements, which people and files have, and assignments, which solvers have. */

import { InvalidArgumentError } from '../errors.js';
import { violation } from './cost.js';
import type { Placement } from './placement.js';
import type { Assignment, Problem } from './problem.js';
import { transport } from './solvers/transport.js';

export function placementOf({ layers, copies, experts, expertOf }: Problem, assignment: Assignment): Placement {
  return Array.from({ length: layers }, (_, layer) => {
    const lists: number[][] = Array.from({ length: experts }, () => []);
    for (let copy = layer * copies; copy < (layer + 1) * copies; copy++) {
      lists[expertOf[copy] as number]?.push(assignment[copy] as number);
    }
    return lists.map((list) => (list.length === 1 ? (list[0] as number) : list.sort((a, b) => a - b)));
  });
}

/** Undefined if the placement has other numbers of copies, or is not allowed. */
export function assignmentOf(problem: Problem, placement: Placement): Assignment | undefined {
  const { layers, copies, experts, expertOf } = problem;
  const assignment = new Int32Array(layers * copies);
  const next = new Int32Array(layers * experts);
  for (let copy = 0; copy < layers * copies; copy++) {
    const layer = Math.floor(copy / copies);
    const expert = expertOf[copy] as number;
    const gpus = [placement[layer]?.[expert] as number | number[]].flat();
    const at = next[layer * experts + expert] as number;
    if (at >= gpus.length) return undefined;
    assignment[copy] = gpus[at] as number;
    next[layer * experts + expert] = at + 1;
  }
  return violation(problem, assignment) === undefined ? assignment : undefined;
}

/**
 * Some assignment that is allowed.
 *
 * @throws InvalidArgumentError if none was found, saying how much each GPU would have to hold
 */
export function anyAssignment(problem: Problem): Assignment {
  const { layers, copies, gpus, expertOf, room } = problem;
  const assignment = new Int32Array(layers * copies);
  const used = new Float64Array(gpus);
  const bytesOf = (layer: number) => ('bytes' in room ? (room.expertBytes[layer] as number) : 1);
  // Large experts first: small ones fit into what is left.
  const order = Array.from({ length: layers }, (_, layer) => layer).sort((a, b) => bytesOf(b) - bytesOf(a));
  for (const layer of order) {
    const fullest = Math.max(...used);
    // As if each GPU were filled up to a level: those that hold less take more.
    const level = fullest + Math.ceil((copies / gpus) * bytesOf(layer));
    const free = Int32Array.from(used, (bytes) => Math.ceil((level - bytes) / bytesOf(layer)));
    const gains = Float64Array.from({ length: copies * gpus }, (_, at) => -(used[at % gpus] as number));
    const here = assignment.subarray(layer * copies, (layer + 1) * copies);
    const limit = 'perLayer' in room ? new Int32Array(gpus).fill(room.perLayer) : free;
    transport({ gpus, expertOf: expertOf.subarray(layer * copies, (layer + 1) * copies), gains, room: limit }, here);
    for (const gpu of here) used[gpu] = (used[gpu] as number) + bytesOf(layer);
  }
  if (violation(problem, assignment) === undefined) return assignment;
  const needed = Math.max(...used);
  throw new InvalidArgumentError(
    `capacity: ${'bytes' in room ? room.bytes : 0} bytes per GPU are too few: all experts on ${gpus} GPUs take ${needed} bytes on each`,
  );
}
