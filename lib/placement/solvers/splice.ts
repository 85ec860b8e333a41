/**
 * The first layers of one assignment with the last ones of another. GPUs of a node, and nodes, are interchangeable: the second part is
 * renumbered so that it fits the first one best where they meet. Good parts of different searches come together so.
 */

import type { Assignment, Problem } from '../problem.js';
import { transport } from './transport.js';

/** Layers below `cut` are of `first`, the others of `second`. */
export function splice(problem: Problem, first: Assignment, second: Assignment, cut: number): Assignment {
  const { copies } = problem;
  const renamed = bestNames(problem, first, second, cut);
  const child = first.slice();
  for (let at = cut * copies; at < child.length; at++) child[at] = renamed[second[at] as number] as number;
  return child;
}

/** [gpus] the new number of each GPU of `second`. */
function bestNames(problem: Problem, first: Assignment, second: Assignment, cut: number): Int32Array {
  const { gpus, nodes, nodeCost } = problem;
  const weights = meetingWeights(problem, first, second, cut);
  const nodeCount = (nodes[gpus - 1] as number) + 1;
  const size = gpus / nodeCount;
  // How well each node of the second part would do as each node of the first, its GPUs renumbered for that.
  const values = new Float64Array(nodeCount * nodeCount);
  const inner: Int32Array[] = [];
  for (let node = 0; node < nodeCount; node++) {
    for (let name = 0; name < nodeCount; name++) {
      const block = Float64Array.from(
        { length: size * size },
        (_, at) => weights[(node * size + Math.floor(at / size)) * gpus + name * size + (at % size)] as number,
      );
      const names = oneToOne(block, size);
      inner.push(names);
      const matched = names.reduce((sum, to, from) => sum + (block[from * size + to] as number), 0);
      values[node * nodeCount + name] = matched + (nodeCost - 1) * block.reduce((sum, value) => sum + value, 0);
    }
  }
  const outer = oneToOne(values, nodeCount);
  return Int32Array.from({ length: gpus }, (_, gpu) => {
    const node = nodes[gpu] as number;
    const name = outer[node] as number;
    return name * size + (inner[node * nodeCount + name]?.[gpu - node * size] as number);
  });
}

/** [gpu of second][gpu of first] weight of pairs where they meet. */
function meetingWeights({ gpus, copies, follow }: Problem, first: Assignment, second: Assignment, cut: number) {
  const weights = new Float64Array(gpus * gpus);
  const before = (cut - 1) * copies;
  for (let from = 0; from < copies; from++) {
    const gpu = first[before + from] as number;
    for (let to = 0; to < copies; to++) {
      const at = (second[cut * copies + to] as number) * gpus + gpu;
      weights[at] = (weights[at] as number) + (follow[(before + from) * copies + to] as number);
    }
  }
  return weights;
}

function oneToOne(gains: Float64Array, size: number): Int32Array {
  const result = new Int32Array(size);
  const expertOf = Int32Array.from({ length: size }, (_, i) => i);
  transport({ gpus: size, expertOf, gains, room: new Int32Array(size).fill(1) }, result);
  return result;
}
