/** Makes a plan from a trace: count, solve, and see on other tokens what it is worth. */

import { InvalidArgumentError } from '../errors.js';
import type { Trace } from '../trace/trace.js';
import { addCopies } from './add-copies.js';
import { anyAssignment, assignmentOf, placementOf } from './assignments.js';
import { type Baseline, baselinesOf } from './baselines.js';
import { type Cluster, checkCluster, nodesOf } from './cluster.js';
import { type CommunicationOptions, communicationOf } from './communication.js';
import { countRoutes, type RouteCounts, type SplitCounts } from './counts.js';
import { evaluatePlacements, type SplitEvaluation } from './evaluate.js';
import type { Placement } from './placement.js';
import { type PlanOptions, type PlanSettings, settingsOf } from './plan-options.js';
import { type Plan, type PlanEvaluation, type PlanMetadata, planFormat, type TradeOff } from './plan-type.js';
import { type Problem, problemOf } from './problem.js';
import { scoreOf } from './score.js';
import { exact } from './solvers/exact.js';
import type { Solution } from './solvers/solver.js';
import { sweep } from './solvers/sweep.js';

const solvers = { sweep, exact };
/** Weights of the trade-off curve, beside the one asked for. */
const curve = [0, 0.1, 0.3, 1, 3];

/**
 * Places a model's experts so that tokens travel less, or GPUs are equally busy, from where tokens went in a trace. Reads it twice.
 * The plan is never worse than the best of the baselines on the tokens that it is made from; if no search finds
 * anything better, it is that baseline, and `evaluation.helps` is false.
 *
 * @throws InvalidArgumentError naming the option, or the place in the trace; the signal's reason when it is aborted
 */
export async function plan(trace: Trace, cluster: Cluster, options: PlanOptions = {}): Promise<Plan> {
  const machines = checkCluster(cluster);
  const settings = settingsOf(options, trace, machines.gpus);
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  onProgress?.({ phase: 'counting' });
  const counts = await countRoutes(trace, settings.holdout, signal);
  checkSplit(counts, settings);

  onProgress?.({ phase: 'solving' });
  const baselines = baselinesOf(counts.train, { ...machines, ...settings, groups: options.groups });
  const problem = (goals = settings.goals) =>
    problemOf(counts.train, { gpus: machines.gpus, nodes: nodesOf(machines) }, goals, settings);
  const main = problem();
  // Without copies this is all; with them the second half is for another way to place them.
  const half = settings.replicas > trace.experts ? { ...settings, timeLimit: settings.timeLimit / 2 } : settings;
  const solution = await solvers[settings.solver](main, {
    ...half,
    starts: startsFor(main, baselines),
    signal,
    onProgress: ({ cost, bound }) => onProgress?.({ phase: 'solving', cost, bound }),
  });
  const candidates = [placementOf(main, solution.assignment)];
  if (half !== settings) candidates.push(...(await copiesByAffinity(counts.train, machines, half, signal)));
  const others = settings.objective === 'fused' ? await solveCurve(problem, settings, baselines, signal) : [];

  onProgress?.({ phase: 'evaluating' });
  const placed = [
    ...candidates,
    ...baselines.map(({ placement }) => placement),
    ...others.map((other) => other.placement),
  ];
  const results = await evaluatePlacements(placed, trace, machines, settings.holdout, signal);
  const found = bestOf(candidates, results, settings);
  const rest = results.slice(candidates.length);
  return planOf(trace, machines, settings, options, { problem: main, solution, ...found, baselines, others, rest });
}

/** Experts placed without copies, then copies where tokens come from; nothing if that has no room for all. */
async function copiesByAffinity(
  train: RouteCounts,
  machines: Required<Cluster>,
  settings: PlanSettings,
  signal: AbortSignal | undefined,
): Promise<Placement[]> {
  if (!('perLayer' in settings.room)) return [];
  const cluster = { gpus: machines.gpus, nodes: nodesOf(machines) };
  const room = { perLayer: Math.ceil(train.experts / machines.gpus) };
  const single = problemOf(train, cluster, settings.goals, { ...settings, replicas: train.experts, room });
  const { assignment } = await sweep(single, { ...settings, starts: [anyAssignment(single)], signal });
  return [addCopies(train, assignment, settings, { ...cluster, nodeCost: settings.nodeCost })];
}

/** What is best on the tokens that the plan is made from. */
function bestOf(candidates: Placement[], results: SplitEvaluation[], { goals, nodeCost }: PlanSettings) {
  const scores = candidates.map((_, at) => scoreOf((results[at] as SplitEvaluation).train, goals, nodeCost));
  const best = scores.indexOf(Math.min(...scores));
  return { found: candidates[best] as Placement, searched: results[best] as SplitEvaluation };
}

function checkSplit({ train, test }: SplitCounts, { holdout }: PlanSettings): void {
  if (train.tokens + test.tokens === 0) throw new InvalidArgumentError('the trace has no tokens');
  const missing =
    train.tokens === 0 ? 'to plan from' : holdout !== 'none' && test.tokens === 0 ? 'to test on' : undefined;
  if (missing === undefined) return;
  throw new InvalidArgumentError(
    `holdout: ${holdout} leaves no token ${missing}, as the trace has too few sequences; use none, which tests on the tokens that the plan is made from`,
  );
}

function startsFor(problem: Problem, baselines: readonly Baseline[]): Int32Array[] {
  const starts = baselines.flatMap(({ placement }) => assignmentOf(problem, placement) ?? []);
  return starts.length > 0 ? starts : [anyAssignment(problem)];
}

async function solveCurve(
  problem: (goals: PlanSettings['goals']) => Problem,
  settings: PlanSettings,
  baselines: readonly Baseline[],
  signal: AbortSignal | undefined,
): Promise<{ balanceWeight: number; placement: Placement }[]> {
  const points = [];
  for (const balanceWeight of curve.filter((weight) => weight !== settings.goals.balance)) {
    const point = problem({ ...settings.goals, balance: balanceWeight });
    const timeLimit = settings.timeLimit / curve.length;
    const starts = startsFor(point, baselines);
    const { assignment } = await sweep(point, { ...settings, timeLimit, starts, signal });
    points.push({ balanceWeight, placement: placementOf(point, assignment) });
  }
  return points;
}

interface Found {
  problem: Problem;
  solution: Solution;
  found: Placement;
  baselines: Baseline[];
  others: { balanceWeight: number; placement: Placement }[];
  /** Of `found`. */
  searched: SplitEvaluation;
  /** Of the baselines, then the others. */
  rest: SplitEvaluation[];
}

function planOf(
  trace: Trace,
  { gpus, nodes }: Required<Cluster>,
  settings: PlanSettings,
  options: PlanOptions,
  { problem, solution, found, searched, baselines, others, rest }: Found,
): Plan {
  const { goals, nodeCost, holdout } = settings;
  const part = holdout === 'none' ? 'train' : 'test';
  const score = (result: SplitEvaluation, half: 'train' | 'test') => scoreOf(result[half], goals, nodeCost);
  const ofBaselines = baselines.map((baseline, at) => ({ baseline, result: rest[at] as SplitEvaluation }));
  // Only a baseline that keeps to the same limits can stand in for a plan.
  const allowed = ofBaselines.filter(({ baseline }) => fits(problem, baseline.placement));
  const ranked = (allowed.length > 0 ? allowed : ofBaselines).sort(
    (a, b) => score(a.result, 'train') - score(b.result, 'train'),
  );
  const best = ranked[0] as (typeof ofBaselines)[number];
  const helps = score(searched, 'train') < score(best.result, 'train') - 1e-12;
  const useBaseline = !helps && allowed.length > 0;
  const chosen = useBaseline ? best.result : searched;
  const byName = Object.fromEntries(ofBaselines.map(({ baseline, result }) => [baseline.name, result[part]]));
  const evaluation: PlanEvaluation = {
    on: holdout === 'none' ? 'all tokens' : 'held-out tokens',
    baseline: { name: best.baseline.name, ...best.result[part] },
    plan: chosen[part],
    baselines: byName,
    train: { baseline: best.result.train, plan: chosen.train },
    helps,
    helpsHere: score(chosen, part) < score(best.result, part) - 1e-12,
    ...(others.length > 0 && { tradeOff: tradeOffOf(settings, searched, others, rest, part) }),
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

function tradeOffOf(
  { goals }: PlanSettings,
  searched: SplitEvaluation,
  others: Found['others'],
  results: readonly SplitEvaluation[],
  part: 'train' | 'test',
): TradeOff[] {
  const point = (balanceWeight: number, result: SplitEvaluation): TradeOff => {
    const { path, pairs, load } = result[part];
    const { share } = goals.affinity === 'path' && path ? path : pairs;
    return { balanceWeight, crossings: share, load: load.mean };
  };
  const first = results.length - others.length;
  const points = others.map(({ balanceWeight }, at) => point(balanceWeight, results[first + at] as SplitEvaluation));
  return [...points, point(goals.balance, searched)].sort((a, b) => a.balanceWeight - b.balanceWeight);
}

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
