/** Placement of experts on GPUs and nodes, from where tokens went. docs/placement.md is its guide. */

import { check, checkOptions } from '../options.js';
import { checkHoldout, type Holdout } from '../trace/holdout.js';
import type { Trace } from '../trace/trace.js';
import { checkCluster } from './cluster.js';
import { evaluatePlacements } from './evaluate.js';
import type { Evaluation } from './evaluation.js';
import { checkPlacement, type Placement } from './placement.js';

export type { Holdout } from '../trace/holdout.js';
export { type Baseline, type BaselineName, type BaselineOptions, baselinesOf as baselines } from './baselines.js';
export type { Cluster } from './cluster.js';
export { type Communication, type CommunicationOptions, communicationOf, type Exchange } from './communication.js';
export { countRoutes, type RouteCounts, type SplitCounts } from './counts.js';
export { type EplbOptions, rebalanceExperts } from './eplb.js';
export type { Crossings, Evaluation } from './evaluation.js';
export { formatPlan, type PlanFormat, planFormats } from './exports.js';
export type { Placement } from './placement.js';
export { plan } from './plan.js';
export { parsePlan, readPlan } from './plan-file.js';
export {
  type Objective,
  objectives,
  type PlanOptions,
  type PlanProgress,
  type SolverName,
  solverNames,
} from './plan-options.js';
export type { Plan, PlanEvaluation, PlanMetadata, TradeOff } from './plan-type.js';

export interface EvaluateOptions {
  /** Which tokens count: those held out, or with `none` all. Default `none`. */
  holdout?: Holdout;
  /** Rejects with its reason. */
  signal?: AbortSignal;
}

/**
 * What a placement comes to on a trace, counted token by token. `plan` is a `Plan` or as much of one as is needed.
 *
 * @throws InvalidArgumentError if the placement is not sound, or not of the trace's shape
 */
export async function evaluate(
  plan: { gpus: number; nodes?: number; placement: Placement },
  trace: Trace,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  checkOptions(options, { holdout: checkHoldout, signal: check.signal }, 'evaluate options');
  const { gpus, nodes, placement } = plan;
  const cluster = checkCluster({ gpus, nodes });
  checkPlacement(placement, gpus, 'plan');
  const { holdout = 'none', signal } = options;
  const [result] = await evaluatePlacements([placement], trace, cluster, holdout, signal);
  return (result as { train: Evaluation; test: Evaluation })[holdout === 'none' ? 'train' : 'test'];
}
