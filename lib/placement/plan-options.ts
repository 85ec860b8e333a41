/** Options of a plan, and what they come to. */

import { InvalidArgumentError } from '../errors.js';
import { check, checkOptions } from '../options.js';
import { bytesOf } from '../sizes.js';
import { checkHoldout, type Holdout } from '../trace/holdout.js';
import type { TraceHeader } from '../trace/trace.js';
import type { Goals, Room } from './problem.js';

/**
 * `crossings`: steps of a token from a layer to the next that go to another GPU. `bytes`: GPUs that a token's state goes to
 * within a layer, which is what ordinary expert parallelism sends. `balance`: the busiest GPU's load. `fused`: crossings
 * and balance together.
 */
export const objectives = ['crossings', 'bytes', 'balance', 'fused'] as const;
export type Objective = (typeof objectives)[number];

export const solverNames = ['sweep', 'exact'] as const;
export type SolverName = (typeof solverNames)[number];

export interface PlanProgress {
  phase: 'counting' | 'solving' | 'evaluating';
  /** While solving: what the best assignment so far costs, and what none can go below, if that is known. */
  cost?: number;
  bound?: number;
}

export interface PlanOptions {
  /** Default `crossings`. */
  objective?: Objective;
  /**
   * What crosses: the `path` of a token's first experts, as in ExFlow, or all `pairs` of its experts, weighted by its gates.
   * Default `path`; `pairs` for a trace without ranks.
   */
  affinity?: 'path' | 'pairs';
  /** For `fused`: crossings per step that a load of twice the mean on the busiest GPU is worth. Default 0.3. */
  balanceWeight?: number;
  /** What a crossing to another node costs, in crossings between GPUs of one node. Default 4. A huge one puts nodes first. */
  nodeCost?: number;
  /** Copies of experts per layer, as many as experts at least; each GPU has equally many. Default: no copies. */
  replicas?: number;
  /** Groups of neighbouring experts, for the hierarchical EPLB that plans are compared with. Default: as many as experts. */
  groups?: number;
  /** Bytes per GPU for experts of all layers, in place of equally many experts in each layer. A number, or as in "20GiB". */
  capacity?: number | string;
  /** Bytes of an expert, or [layers] of them, for `capacity`. Default: what the trace says. */
  expertBytes?: number | number[];
  /** Default `even-odd`. */
  holdout?: Holdout;
  /** Default `sweep`. `exact` is for small instances. */
  solver?: SolverName;
  /** Default 0. */
  seed?: number | bigint;
  /** Seconds for the solver. Default 10. */
  timeLimit?: number;
  /** For `communication`: numbers in a token's state. */
  hiddenSize?: number;
  /** Bytes of each. Default 2. */
  typeBytes?: number;
  /** Tokens per GPU of an iteration. Default 1. */
  tokensPerGpu?: number;
  /** Rejects with its reason. */
  signal?: AbortSignal;
  onProgress?: (progress: PlanProgress) => void;
}

const optionChecks = {
  objective: check.oneOf(...objectives),
  affinity: check.oneOf('path', 'pairs'),
  balanceWeight: check.number(0, 1e6),
  nodeCost: check.number(1, 1e6),
  replicas: check.integer(1, 2 ** 16),
  groups: check.integer(1, 2 ** 16),
  capacity: check.size,
  expertBytes: checkExpertBytes,
  holdout: checkHoldout,
  solver: check.oneOf(...solverNames),
  seed: check.seed,
  timeLimit: check.number(0.01, 1e6),
  hiddenSize: check.integer(1, 2 ** 24),
  typeBytes: check.number(0.125, 16),
  tokensPerGpu: check.integer(1, 2 ** 24),
  signal: check.signal,
  onProgress: check.function,
};

function checkExpertBytes(value: unknown, name: string): void {
  for (const bytes of Array.isArray(value) ? value : [value]) check.integer(1)(bytes, name);
}

/** What options come to for a trace and a cluster. */
export interface PlanSettings {
  objective: Objective;
  affinity: 'path' | 'pairs';
  goals: Goals;
  nodeCost: number;
  replicas: number;
  room: Room;
  holdout: Holdout;
  solver: SolverName;
  seed: number | bigint;
  timeLimit: number;
  /** What the user should know about the choices made. */
  notes: string[];
}

/** @throws InvalidArgumentError naming the option, or the numbers that do not go together */
export function settingsOf(options: PlanOptions, trace: TraceHeader, gpus: number): PlanSettings {
  checkOptions(options, optionChecks, 'plan options');
  const { objective = 'crossings', nodeCost = 4, solver = 'sweep', seed = 0, timeLimit = 10 } = options;
  const affinity = affinityOf(options, trace);
  const goals = { affinity, crossings: 0, together: 0, balance: 0 };
  if (objective === 'crossings' || objective === 'fused') goals.crossings = 1;
  if (objective === 'bytes') goals.together = 1;
  if (objective === 'fused') goals.balance = options.balanceWeight ?? 0.3;
  // Among placements that are as even, the one with fewer crossings.
  if (objective === 'balance') Object.assign(goals, { balance: 1, crossings: 1e-3 });
  const notes: string[] = [];
  if (!trace.ranked) {
    notes.push("the trace does not say which of a token's experts came first: all pairs of experts were counted");
  }
  const replicas = options.replicas ?? trace.experts;
  const room = roomFor(options, trace, gpus, replicas, notes);
  const { holdout = 'even-odd' } = options;
  return { objective, affinity, goals, nodeCost, replicas, room, holdout, solver, seed, timeLimit, notes };
}

function affinityOf({ affinity }: PlanOptions, { ranked }: TraceHeader): 'path' | 'pairs' {
  if (affinity === 'path' && !ranked) {
    throw new InvalidArgumentError(
      'affinity: path needs a trace whose experts are in the order of the router; use pairs',
    );
  }
  return affinity ?? (ranked ? 'path' : 'pairs');
}

function roomFor(
  { capacity, expertBytes }: PlanOptions,
  trace: TraceHeader,
  gpus: number,
  replicas: number,
  notes: string[],
): Room {
  const { experts, layers } = trace;
  if (replicas < experts) throw new InvalidArgumentError(`replicas is ${replicas}, but a layer has ${experts} experts`);
  if (replicas > experts * gpus) {
    throw new InvalidArgumentError(
      `replicas is ${replicas}, but ${experts} experts have no use for more than ${experts * gpus} on ${gpus} GPUs`,
    );
  }
  if (capacity !== undefined) {
    const bytes = bytesOf(capacity);
    const each = expertBytes ?? trace.expertBytes;
    if (each === undefined) {
      throw new InvalidArgumentError(
        'capacity needs the size of an expert, which the trace does not say: give expertBytes',
      );
    }
    if (typeof each !== 'number' && each.length !== layers) {
      throw new InvalidArgumentError(`expertBytes is of ${each.length} layers, but the trace has ${layers}`);
    }
    notes.push('experts per GPU and layer differ: capacity limits bytes alone');
    return { bytes, expertBytes: typeof each === 'number' ? Array<number>(layers).fill(each) : each };
  }
  if (replicas % gpus !== 0) {
    const next = Math.ceil(replicas / gpus) * gpus;
    throw new InvalidArgumentError(
      `${replicas} experts per layer do not divide by ${gpus} GPUs; ask for copies of some (replicas: ${next}), or limit bytes (capacity)`,
    );
  }
  return { perLayer: replicas / gpus };
}
