import type { DiskSpeed } from './disk.js';
import type { Run } from './run.js';
import type { RuntimeName } from './runtimes.js';

/** One run and where it belongs. */
export interface RunRecord {
  round: number;
  /** Percent; undefined for a runtime without a cap, which every cap is compared with. */
  cap: number | undefined;
  promptTokens: number;
  runtime: RuntimeName;
  run: Run;
}

export interface DiskRecord {
  round: number;
  cap: number;
  speed: DiskSpeed;
}

export interface Results {
  runs: RunRecord[];
  disks: DiskRecord[];
}

/** Of one runtime at a cap, or of one without a cap, after a prompt of this length. */
export function runsOf(results: Results, runtime: RuntimeName, cap: number, promptTokens: number): RunRecord[] {
  return results.runs.filter(
    (record) =>
      record.runtime === runtime &&
      record.promptTokens === promptTokens &&
      (record.cap === cap || record.cap === undefined),
  );
}

/** A measure by round, of the rounds that have it. */
export function byRound(records: readonly RunRecord[], measure: string): Map<number, number> {
  return new Map(
    records.flatMap(({ round, run }) => {
      const value = run.measures.get(measure);
      return value === undefined ? [] : [[round, value] as const];
    }),
  );
}
