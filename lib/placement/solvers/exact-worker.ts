/** HiGHS in a thread of its own: it cannot be interrupted reliably, but a thread can be ended. */

import { parentPort, workerData } from 'node:worker_threads';
import * as highsModule from 'highs';
import type { IntegerProgram } from './integer-program.js';

export interface ExactTask {
  program: IntegerProgram;
  /** A known solution: the value of every column. */
  start: Float64Array;
  seed: number;
}

/** What the worker tells. `values`: of every column. */
export type ExactNews =
  | { kind: 'bound'; bound: number }
  | { kind: 'better'; values: Float64Array }
  | { kind: 'end'; proved: boolean; bound: number; values: Float64Array };

const { program, start, seed } = workerData as ExactTask;
const tell = (news: ExactNews) => parentPort?.postMessage(news);

// The package is CommonJS to the compiler and a module at run time: what it exports by default is one level up or down.
const load = (highsModule.default as { default?: unknown }).default ?? highsModule.default;
const highs = await (load as typeof import('highs').default)();
const { columns, rows } = program;
const model = highs.createModel({
  numCols: columns.cost.length,
  numRows: rows.lower.length,
  offset: program.offset,
  colCost: columns.cost,
  colLower: columns.lower,
  colUpper: columns.upper,
  rowLower: rows.lower,
  rowUpper: rows.upper,
  matrix: {
    format: 'csr',
    numRows: rows.lower.length,
    numCols: columns.cost.length,
    starts: rows.starts,
    indices: rows.indices,
    values: rows.values,
  },
  integrality: Int32Array.from(columns.integral),
});
model.options.set({ output_flag: false, random_seed: seed, mip_rel_gap: 0, mip_abs_gap: 1e-9 });
model.setSolution({ colValue: start });

let bound = -Infinity;
const hear = (event: { data: { mip_dual_bound?: number } }): undefined => {
  const found = event.data.mip_dual_bound;
  if (found === undefined || !(found > bound)) return;
  bound = found;
  tell({ kind: 'bound', bound });
};
const { callbackType, modelStatus } = highs.constants;
const result = model.run({
  [callbackType.mipInterrupt]: hear,
  [callbackType.mipLogging]: hear,
  [callbackType.mipImprovingSolution]: (event: { data: { mip_solution?: Float64Array } }): undefined => {
    if (event.data.mip_solution) tell({ kind: 'better', values: event.data.mip_solution });
  },
});
const values = Float64Array.from(model.getSolution().colValue);
const proved = result.modelStatus === modelStatus.optimal;
tell({ kind: 'end', proved, bound: Number(model.info.get('mip_dual_bound')), values });
