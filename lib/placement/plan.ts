/** Makes a plan from a trace: count, solve, and see on other tokens what it is worth. */

import { InvalidArgumentError } from '../errors.js';
import type { Trace } from '../trace/trace.js';
import { addCopies } from './add-copies.js';
import { anyAssignment, assignmentOf, placementOf } from './assignments.js';
import { type Baseline, baselinesOf } from './baselines.js';
import { type Cluster, checkCluster, nodesOf } from './cluster.js';
import { countRoutes, type RouteCounts, type SplitCounts } from './counts.js';
import { evaluatePlacements, type SplitEvaluation } from './evaluate.js';
import type { Placement } from './placement.js';
import { type PlanOptions, type PlanProgress, type PlanSettings, settingsOf } from './plan-options.js';
import { type Found, planOf } from './plan-result.js';
import type { Plan } from './plan-type.js';
import { type Goals, type Problem, problemOf } from './problem.js';
import { scoreOf } from './score.js';
import { exact } from './solvers/exact.js';
import type { Solution, Solver } from './solvers/solver.js';
import { sweep } from './solvers/sweep.js';

const solvers = { sweep, exact };
/** Weights of the trade-off curve, beside the one asked for. */
const curve = [0, 0.1, 0.3, 1, 3];
/** Plans from fewer tokens were clearly worse on others; from fewer than `veryFew`, less so if all pairs counted (docs/placement.md). */
const few = 5000;
const veryFew = 2000;

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
  addNotes(counts.train, settings);

  onProgress?.({ phase: 'solving' });
  const baselines = baselinesOf(counts.train, { ...machines, ...settings, groups: options.groups });
  const task: Task = {
    counts: counts.train,
    machines: { ...machines, nodes: nodesOf(machines) },
    baselines,
    settings,
    signal,
  };
  const main = await search(task, settings.goals, settings.timeLimit, solvers[settings.solver], onProgress);
  const others: Searched[] = [];
  for (const balance of settings.objective === 'fused' ? curve : []) {
    if (balance === settings.goals.balance) continue;
    others.push(await search(task, { ...settings.goals, balance }, settings.timeLimit / curve.length, sweep));
  }

  onProgress?.({ phase: 'evaluating' });
  const groups = [
    baselines.map(({ placement }) => placement),
    ...[main, ...others].map(({ candidates }) => candidates),
  ];
  const results = await evaluatePlacements(groups.flat(), trace, machines, settings.holdout, signal);
  const ofBaselines = results.splice(0, baselines.length);
  const bests = [main, ...others].map((searched) => best(searched, results, settings.nodeCost));
  return planOf(trace, machines, settings, options, { ...main, baselines, ofBaselines, bests });
}

/** What searches have in common. */
interface Task {
  counts: RouteCounts;
  machines: { gpus: number; nodes: Int32Array };
  baselines: readonly Baseline[];
  settings: PlanSettings;
  signal?: AbortSignal;
}

interface Searched {
  goals: Goals;
  problem: Problem;
  solution: Solution;
  /** Placements, of which tokens have to tell the best. */
  candidates: Placement[];
}

/**
 * Without copies of experts, what the solver finds. With them its model is a coarse one (problem.ts), so half of the time is for another
 * way: experts placed without copies, then copies where tokens come from.
 */
async function search(
  { counts, machines, baselines, settings, signal }: Task,
  goals: Goals,
  timeLimit: number,
  solver: Solver,
  onProgress?: (progress: PlanProgress) => void,
): Promise<Searched> {
  const began = performance.now();
  const problem = problemOf(counts, machines, goals, settings);
  const copied = problem.copies > problem.experts && 'perLayer' in problem.room;
  const common = { seed: settings.seed, timeLimit: copied ? timeLimit / 2 : timeLimit, signal };
  const solution = await solver(problem, {
    ...common,
    starts: startsFor(problem, baselines),
    onProgress: ({ cost, bound }) => onProgress?.({ phase: 'solving', cost, bound }),
  });
  let { status } = solution;
  const candidates = [placementOf(problem, solution.assignment)];
  if (copied) {
    const room = { perLayer: Math.ceil(counts.experts / machines.gpus) };
    const single = problemOf(counts, machines, goals, { ...settings, replicas: counts.experts, room });
    const other = await sweep(single, { ...common, starts: [anyAssignment(single)] });
    candidates.push(addCopies(counts, other.assignment, settings, { ...machines, nodeCost: settings.nodeCost }));
    // Tokens choose between the two, so neither alone can be called the optimum, and both must have come to their ends.
    if (other.status === 'time limit') status = 'time limit';
    else if (status === 'optimal') status = 'settled';
  }
  const seconds = (performance.now() - began) / 1000;
  return { goals, problem, solution: { ...solution, status, seconds }, candidates };
}

function startsFor(problem: Problem, baselines: readonly Baseline[]): Int32Array[] {
  const starts = baselines.flatMap(({ placement }) => assignmentOf(problem, placement) ?? []);
  return starts.length > 0 ? starts : [anyAssignment(problem)];
}

/** The candidate that is best on the tokens that the plan is made from; takes their results off `results`. */
function best({ candidates, goals }: Searched, results: SplitEvaluation[], nodeCost: number): Found {
  const own = results.splice(0, candidates.length);
  const scores = own.map(({ train }) => scoreOf(train, goals, nodeCost));
  const at = scores.indexOf(Math.min(...scores));
  return { goals, placement: candidates[at] as Placement, result: own[at] as SplitEvaluation };
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

function addNotes({ tokens, k, experts }: RouteCounts, settings: PlanSettings): void {
  const { affinity, holdout, goals, replicas, notes } = settings;
  if (replicas > experts) {
    notes.push('cost, bound and status are those of a model in which the copies of an expert share its tokens evenly');
  }
  if (holdout === 'none') notes.push('the plan was tested on the tokens that it was made from, which flatters it');
  if (tokens < few && goals.crossings > 0) {
    const better =
      affinity === 'path' && k > 1 && tokens < veryFew
        ? '; counting all pairs of experts (affinity pairs) asks less of them'
        : '';
    notes.push(`${tokens} tokens are few to plan from${better}`);
  }
}
