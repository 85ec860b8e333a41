/** The best placement there is, for small instances: an integer program, solved by HiGHS in a worker. */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { MoeflowError } from '../../errors.js';
import { costOf, violation } from '../cost.js';
import type { Assignment, Problem } from '../problem.js';
import type { ExactNews, ExactTask } from './exact-worker.js';
import { costScale, type IntegerProgram, integerProgram } from './integer-program.js';
import { assignmentOf, renumber, valuesOf } from './program-values.js';
import type { Solution, SolverSettings } from './solver.js';
import { sweep } from './sweep.js';

/** Relative difference between cost and bound that counts as none. */
const closed = 1e-7;

/**
 * Begins from what `sweep` finds in a tenth of the time. What comes back from HiGHS counts only if it keeps to what is allowed
 * and costs less by our own reckoning; its bound is believed.
 *
 * @throws InvalidArgumentError if the instance is too large; the signal's reason when it is aborted
 */
export async function exact(problem: Problem, settings: SolverSettings): Promise<Solution> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const program = integerProgram(problem);
  const first = await sweep(problem, { ...settings, timeLimit: settings.timeLimit / 10 });
  let { assignment, cost } = first;
  let bound: number | undefined;
  const proved = await solve(program, problem, assignment, settings, seconds, (news) => {
    if (news.kind !== 'better' && Number.isFinite(news.bound)) bound = news.bound / costScale;
    if (news.kind !== 'bound') {
      const found = assignmentOf(problem, news.values);
      const foundCost = costOf(problem, found);
      if (violation(problem, found) === undefined && foundCost < cost) [assignment, cost] = [found, foundCost];
    }
    settings.onProgress?.({ cost, bound, seconds: seconds() });
  });
  // Rounding in HiGHS may put its bound a hair above the cost.
  if (bound !== undefined) bound = Math.min(bound, cost);
  const optimal = bound !== undefined && (proved || cost - bound <= closed) && cost - bound <= 1e-5;
  return { assignment, cost, status: optimal ? 'optimal' : 'time limit', bound, seconds: seconds() };
}

/** Resolves with whether HiGHS has proved what it found to be best; when time is up the thread is ended. */
async function solve(
  program: IntegerProgram,
  problem: Problem,
  start: Assignment,
  { seed, timeLimit, signal }: SolverSettings,
  seconds: () => number,
  hear: (news: ExactNews) => void,
): Promise<boolean> {
  const values = valuesOf(program, problem, renumber(problem, start));
  const workerData: ExactTask = { program, start: values, seed: Number(BigInt(seed) % 2147483647n) };
  const worker = new Worker(new URL('./exact-worker.js', import.meta.url), { workerData });
  const timer = setTimeout(() => worker.terminate(), Math.max(0, timeLimit - seconds()) * 1000);
  const abort = () => worker.terminate();
  signal?.addEventListener('abort', abort, { once: true });
  let proved = false;
  let failure: { error: unknown } | undefined;
  worker.on('message', (news: ExactNews) => {
    try {
      hear(news);
    } catch (error) {
      // A listener's: it is the caller's to hear, not the process's.
      failure ??= { error };
      worker.terminate();
    }
    if (news.kind === 'end') proved = news.proved;
  });
  try {
    // An error of the worker comes out here.
    await once(worker, 'exit');
  } catch (error) {
    throw new MoeflowError('INTERNAL', `HiGHS failed: ${(error as Error).message}`, { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
  signal?.throwIfAborted();
  if (failure) throw failure.error;
  return proved;
}
