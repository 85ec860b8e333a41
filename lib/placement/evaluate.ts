/** Placements followed token by token. Solvers work on counts; what is reported comes from here. */

import { InvalidArgumentError } from '../errors.js';
import { type Holdout, isHeldOut } from '../trace/holdout.js';
import type { Trace } from '../trace/trace.js';
import { nodesOf } from './cluster.js';
import type { Evaluation } from './evaluation.js';
import { followToken } from './follow.js';
import { forEachToken } from './for-each-token.js';
import { flatten, type Placement } from './placement.js';
import { resultOf, startTally, type Tally } from './tally.js';

export interface SplitEvaluation {
  train: Evaluation;
  test: Evaluation;
}

/**
 * Evaluates several placements in one pass over the trace, on the tokens that plans are made from and on the others apart.
 *
 * @throws InvalidArgumentError if a placement is not of the trace's shape
 */
export async function evaluatePlacements(
  placements: readonly Placement[],
  trace: Trace,
  cluster: { gpus: number; nodes: number },
  holdout: Holdout,
  signal?: AbortSignal,
): Promise<SplitEvaluation[]> {
  const heldOut = isHeldOut(holdout);
  const nodes = nodesOf(cluster);
  const tallies = placements.map((placement) => {
    checkShape(placement, trace);
    const flat = flatten(placement);
    return { train: startTally(flat, trace, nodes), test: startTally(flat, trace, nodes) };
  });
  await forEachToken(trace, signal, (tokens, token, shares) => {
    const sequence = tokens.sequence[token] as number;
    const half = heldOut(sequence) ? 'test' : 'train';
    for (const tally of tallies) followToken(tally[half], tokens.experts, token, sequence, shares);
  });
  const results = (tally: Tally) => resultOf(tally, trace.ranked);
  return tallies.map(({ train, test }) => ({ train: results(train), test: results(test) }));
}

function checkShape(placement: Placement, { layers, experts }: Trace): void {
  const [placed, perLayer] = [placement.length, placement[0]?.length ?? 0];
  if (placed === layers && perLayer === experts) return;
  throw new InvalidArgumentError(
    `the placement is of ${placed} layers of ${perLayer} experts, but the trace has ${layers} layers of ${experts}: give the trace of the same model`,
  );
}
