/** A plan: a placement, how it was made, and what it is worth. What a plan's file holds, docs/plan.schema.json in words. */

import type { Holdout } from '../trace/holdout.js';
import type { Communication } from './communication.js';
import type { Evaluation } from './evaluation.js';
import type { Placement } from './placement.js';
import type { Objective, SolverName } from './plan-options.js';
import type { Solution } from './solvers/solver.js';

export const planFormat = 'moeflow-plan';

export interface Plan {
  format: typeof planFormat;
  version: 1;
  gpus: number;
  nodes: number;
  layers: number;
  experts: number;
  /** [layer][expert] its GPU, or the GPUs of its copies. */
  placement: Placement;
  metadata: PlanMetadata;
  evaluation: PlanEvaluation;
}

export interface PlanMetadata {
  model?: string;
  objective: Objective;
  affinity: 'path' | 'pairs';
  balanceWeight?: number;
  nodeCost: number;
  /** Copies of experts per layer. */
  replicas: number;
  /** Bytes per GPU. */
  capacity?: number;
  holdout: Holdout;
  solver: SolverName;
  /** As text if it is beyond 2^53. */
  seed: number | string;
  status: Solution['status'];
  /** What the solver minimised, of what it found. */
  cost: number;
  /** No placement costs less, and by which part of the cost it might; if known. */
  bound?: number;
  gap?: number;
  seconds: number;
  /** `search`, or the baseline that was better on the tokens that the plan was made from. */
  chosen: string;
  notes: string[];
}

export interface PlanEvaluation {
  /** Tokens that the plan was not made from, or all if none were held out. */
  on: 'held-out tokens' | 'all tokens';
  /** The best baseline on the tokens that the plan was made from. */
  baseline: Evaluation & { name: string };
  plan: Evaluation;
  /** All baselines by name. */
  baselines: Record<string, Evaluation>;
  /** The plan and the best baseline on the tokens that the plan was made from. */
  train: { baseline: Evaluation; plan: Evaluation };
  /** Whether the search found anything better than the best baseline, on the tokens that it saw. */
  helps: boolean;
  /** Whether the plan is also better on the tokens of this evaluation. */
  helpsHere: boolean;
  /** For `fused`: what other weights come to, on the same tokens. */
  tradeOff?: TradeOff[];
  /** If a hidden size was given. */
  communication?: { baseline: Communication; plan: Communication };
}

export interface TradeOff {
  balanceWeight: number;
  /** Share of steps that cross, and that cross to another node. */
  crossings: number;
  nodeCrossings: number;
  /** Busiest GPU over the mean: mean over layers. */
  load: number;
}
