/** Whether regrouping pays: found out by trying, as what it saves depends on the model, the memory and the texts. */

export type SchedulingPolicy = 'fifo' | 'regroup';

/** Steps of one policy before the other one has its turn, and how often both have it. */
const roundSteps = 24;
const rounds = 3;
/** The other one must be faster by this share to be taken. */
const margin = 0.02;
/** Steps until the next trial: twice as many after each that changes nothing. */
const firstRest = 500;
const longestRest = 16_000;

/** Plain data; {@link nextTrial} makes the next one. */
export interface PolicyTrial {
  /** Of the step that comes. */
  readonly policy: SchedulingPolicy;
  /** The one that the last trial has found best. */
  readonly best: SchedulingPolicy;
  /** Of the trial under way, seconds per token of each step, in order; the policies take turns, `fifo` first. */
  readonly seconds: readonly number[];
  /** Steps until the next trial; 0 while one is under way. */
  readonly rest: number;
  readonly nextRest: number;
}

export const firstTrial: PolicyTrial = { policy: 'fifo', best: 'fifo', seconds: [], rest: 0, nextRest: firstRest };

/** A step for which there was a choice has taken so many seconds per token. */
export function nextTrial(trial: PolicyTrial, secondsPerToken: number): PolicyTrial {
  if (trial.rest > 1) return { ...trial, rest: trial.rest - 1 };
  if (trial.rest === 1) return { ...trial, rest: 0, policy: 'fifo', seconds: [] };
  const seconds = [...trial.seconds, secondsPerToken];
  if (seconds.length < 2 * rounds * roundSteps) return { ...trial, seconds, policy: policyOf(seconds.length) };
  const best = fastest(seconds, trial.best);
  const nextRest = best === trial.best ? Math.min(longestRest, 2 * trial.nextRest) : firstRest;
  return { policy: best, best, seconds: [], rest: trial.nextRest, nextRest };
}

function policyOf(step: number): SchedulingPolicy {
  return Math.floor(step / roundSteps) % 2 === 0 ? 'fifo' : 'regroup';
}

function fastest(seconds: readonly number[], before: SchedulingPolicy): SchedulingPolicy {
  const mean = (policy: SchedulingPolicy) => {
    // Not those with which a policy begins: it finds in memory what the other one has left there.
    const own = seconds.filter((_, step) => policyOf(step) === policy && step % roundSteps >= roundSteps / 3);
    // Nor the slowest ones, which say more of the machine.
    const kept = own.sort((a, b) => a - b).slice(0, Math.ceil((own.length * 7) / 8));
    return kept.reduce((sum, value) => sum + value, 0) / kept.length;
  };
  const other = before === 'fifo' ? 'regroup' : 'fifo';
  return mean(other) < (1 - margin) * mean(before) ? other : before;
}
