/** What every solver takes and gives. */

import type { Assignment, Problem } from '../problem.js';

export interface SolverProgress {
  /** Of the best assignment so far. */
  cost: number;
  /** No assignment costs less than this; absent if nothing is known. */
  bound?: number;
  seconds: number;
}

export interface SolverSettings {
  seed: number | bigint;
  /** Seconds. */
  timeLimit: number;
  /** Assignments to begin from, all allowed; one at least. The result is not worse than the best of them. */
  starts: readonly Assignment[];
  signal?: AbortSignal;
  onProgress?: (progress: SolverProgress) => void;
}

export interface Solution {
  assignment: Assignment;
  cost: number;
  /**
   * `optimal`: proved. `settled`: the search ended by itself, so that the same seed gives the same result anywhere.
   * `time limit`: it was cut short, and a faster machine may find more.
   */
  status: 'optimal' | 'settled' | 'time limit';
  /** No assignment costs less than this, if known. */
  bound?: number;
  seconds: number;
}

/** @throws the signal's reason when it is aborted */
export type Solver = (problem: Problem, settings: SolverSettings) => Promise<Solution>;
