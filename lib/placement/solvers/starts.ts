/** Assignments to begin a search from. */

import { below, shuffle } from '../../random.js';
import type { Assignment, Problem } from '../problem.js';
import { neighbourGains, roomOf } from './gains.js';
import { transport } from './transport.js';

/** Random, with what is allowed kept: a random place for each copy, then as few moves as make room. */
export function randomStart(problem: Problem, base: Assignment, random: () => number): Assignment {
  const assignment = base.slice();
  for (let layer = 0; layer < problem.layers; layer++) randomLayer(problem, assignment, layer, random);
  return assignment;
}

/** The first layer random, each next one as near to the one before as there is room. */
export function greedyStart(problem: Problem, base: Assignment, random: () => number): Assignment {
  const assignment = base.slice();
  const { layers, copies, gpus, expertOf } = problem;
  randomLayer(problem, assignment, 0, random);
  const gains = new Float64Array(copies * gpus);
  for (let layer = 1; layer < layers; layer++) {
    neighbourGains(problem, assignment, layer, gains, { before: true, after: false });
    const room = roomOf(problem, assignment, layer);
    const here = assignment.subarray(layer * copies, (layer + 1) * copies);
    transport({ gpus, expertOf: expertOf.subarray(layer * copies, (layer + 1) * copies), gains, room }, here);
  }
  return assignment;
}

function randomLayer(problem: Problem, assignment: Assignment, layer: number, random: () => number): void {
  const { copies, gpus, expertOf, room } = problem;
  const here = assignment.subarray(layer * copies, (layer + 1) * copies);
  if ('perLayer' in room && copies === problem.experts) {
    shuffle(here, random);
    return;
  }
  const gains = Float64Array.from({ length: copies * gpus }, random);
  const free = roomOf(problem, assignment, layer);
  transport({ gpus, expertOf: expertOf.subarray(layer * copies, (layer + 1) * copies), gains, room: free }, here);
}

/** Exchanges a few copies in up to four layers that follow each other. Returns which layers changed. */
export function shake(problem: Problem, assignment: Assignment, random: () => number): [from: number, to: number] {
  const { layers, copies } = problem;
  const from = below(layers, random);
  const to = Math.min(layers, from + 1 + below(4, random));
  for (let layer = from; layer < to; layer++) {
    const first = layer * copies;
    for (let swaps = 2 + below(5, random); swaps > 0; swaps--) {
      const [one, other] = [first + below(copies, random), first + below(copies, random)];
      if (problem.copies !== problem.experts && meets(problem, assignment, layer, one, other)) continue;
      const gpu = assignment[one] as number;
      assignment[one] = assignment[other] as number;
      assignment[other] = gpu;
    }
  }
  return [from, to];
}

/** Whether exchanging two copies would bring copies of one expert together. */
function meets({ copies, expertOf }: Problem, assignment: Assignment, layer: number, one: number, other: number) {
  for (let copy = layer * copies; copy < (layer + 1) * copies; copy++) {
    if (expertOf[copy] === expertOf[one] && assignment[copy] === assignment[other]) return true;
    if (expertOf[copy] === expertOf[other] && assignment[copy] === assignment[one]) return true;
  }
  return false;
}
