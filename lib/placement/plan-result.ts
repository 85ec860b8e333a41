/** A plan from what was found: which placement it is, and how it compares. */

import type { Trace } from '../trace/trace.js';
import type { Baseline } from './baselines.js';
import type { Cluster } from './cluster.js';
import { type CommunicationOptions, communicationOf } from './communication.js';
import type { SplitEvaluation } from './evaluate.js';
import type { Placement } from './placement.js';
import type { PlanOptions, PlanSettings } from './plan-options.js';
import { type Plan, type PlanEvaluation, type PlanMetadata, planFormat, type TradeOff } from './plan-type.js';
import type { Goals, Problem } from './problem.js';
import { scoreOf } from './score.js';
import type { Solution } from './solvers/solver.js';

/** The best placement for some goals, as far as was found, and what it came to. */
export interface Found {
  goals: Goals;
  placement: Placement;
  result: SplitEvaluation;
}

/** What searching and evaluating gave. */
export interface PlanParts {
  problem: Problem;
  solution: Solution;
  baselines: readonly Baseline[];
  ofBaselines: readonly SplitEvaluation[];
  /** For the goals asked for, then for those of the trade-off curve. */
  bests: readonly Found[];
}

export function planOf(
  trace: Trace,
  { gpus, nodes }: Required<Cluster>,
  settings: PlanSettings,
  options: PlanOptions,
  { problem, solution, baselines, ofBaselines, bests }: PlanParts,
): Plan {
  const { goals, nodeCost, holdout } = settings;
  const part = holdout === 'none' ? 'train' : 'test';
  const score = (result: SplitEvaluation, half: 'train' | 'test') => scoreOf(result[half], goals, nodeCost);
  const { placement: found, result: searched } = bests[0] as Found;
  const compared = baselines.map((baseline, at) => ({ baseline, result: ofBaselines[at] as SplitEvaluation }));
  // Only a baseline that keeps to the same limits can stand in for a plan.
  const allowed = compared.filter(({ baseline }) => fits(problem, baseline.placement));
  const ranked = (allowed.length > 0 ? allowed : compared).sort(
    (a, b) => score(a.result, 'train') - score(b.result, 'train'),
  );
  const best = ranked[0] as (typeof compared)[number];
  const helps = score(searched, 'train') < score(best.result, 'train') - 1e-12;
  const useBaseline = !helps && allowed.length > 0;
  const chosen = useBaseline ? best.result : searched;
  const byName = Object.fromEntries(compared.map(({ baseline, result }) => [baseline.name, result[part]]));
  const evaluation: PlanEvaluation = {
    on: holdout === 'none' ? 'all tokens' : 'held-out tokens',
    baseline: { name: best.baseline.name, ...best.result[part] },
    plan: chosen[part],
    baselines: byName,
    train: { baseline: best.result.train, plan: chosen.train },
    helps,
    helpsHere: score(chosen, part) < score(best.result, part) - 1e-12,
    ...(bests.length > 1 && { tradeOff: bests.map((each) => tradeOffOf(each, part)).sort(byWeight) }),
    ...(options.hiddenSize !== undefined && {
      communication: {
        baseline: communicationOf(best.result[part], { gpus, nodes }, trace, sizesOf(options)),
        plan: communicationOf(chosen[part], { gpus, nodes }, trace, sizesOf(options)),
      },
    }),
  };
  return {
    format: planFormat,
    version: 1,
    gpus,
    nodes,
    layers: trace.layers,
    experts: trace.experts,
    placement: useBaseline ? best.baseline.placement : found,
    metadata: metadataOf(trace, settings, solution, useBaseline ? best.baseline.name : 'search'),
    evaluation,
  };
}

/** Whether a placement, whatever its copies, has as many experts or bytes on each GPU as it may. */
function fits({ gpus, layers, copies, room }: Problem, placement: Placement): boolean {
  const bytes = new Float64Array(gpus);
  return (
    placement.every((layer, index) => {
      const counts = new Int32Array(gpus);
      for (const gpu of layer.flat()) {
        counts[gpu] = (counts[gpu] as number) + 1;
        if ('bytes' in room) bytes[gpu] = (bytes[gpu] as number) + (room.expertBytes[index] as number);
      }
      return 'bytes' in room || counts.every((count) => count === room.perLayer);
    }) &&
    ('perLayer' in room || bytes.every((sum) => sum <= room.bytes)) &&
    placement.flat(2).length === layers * copies
  );
}

function tradeOffOf({ goals, result }: Found, part: 'train' | 'test'): TradeOff {
  const { path, pairs, load } = result[part];
  const { share, nodeShare } = goals.affinity === 'path' && path ? path : pairs;
  return { balanceWeight: goals.balance, crossings: share, nodeCrossings: nodeShare, load: load.mean };
}

const byWeight = (a: TradeOff, b: TradeOff) => a.balanceWeight - b.balanceWeight;

function sizesOf({ hiddenSize = 1, typeBytes = 2, tokensPerGpu }: PlanOptions): CommunicationOptions {
  return { hiddenSize, typeBytes, tokensPerGpu };
}

function metadataOf(trace: Trace, settings: PlanSettings, solution: Solution, chosen: string): PlanMetadata {
  const { objective, affinity, goals, nodeCost, replicas, room, holdout, solver, seed, notes } = settings;
  const { status, cost, bound, seconds } = solution;
  return {
    ...(trace.model !== undefined && { model: trace.model }),
    objective,
    affinity,
    ...(objective === 'fused' && { balanceWeight: goals.balance }),
    nodeCost,
    replicas,
    ...('bytes' in room && { capacity: room.bytes }),
    holdout,
    solver,
    seed: typeof seed === 'bigint' ? String(seed) : seed,
    status,
    cost,
    ...(bound !== undefined && { bound, gap: cost > 0 ? (cost - bound) / cost : 0 }),
    seconds,
    chosen,
    notes,
  };
}
