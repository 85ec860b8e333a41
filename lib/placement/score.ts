/** What an evaluation is worth by an objective: the lower, the better. */

import type { Evaluation } from './evaluation.js';
import type { Goals } from './problem.js';

/** The same quantities that solvers minimise, but as counted on tokens. */
export function scoreOf(evaluation: Evaluation, goals: Goals, nodeCost: number): number {
  const { path, pairs, gpusPerTokenLayer, nodesPerTokenLayer, load } = evaluation;
  const { share, nodeShare } = goals.affinity === 'path' && path ? path : pairs;
  return (
    goals.crossings * (share + (nodeCost - 1) * nodeShare) +
    goals.together * (gpusPerTokenLayer - 1 + (nodeCost - 1) * (nodesPerTokenLayer - 1)) +
    goals.balance * Math.max(0, load.mean - 1)
  );
}
