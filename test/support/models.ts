/** Models that a test file loads: disposed of when the test is over. */

import { expect, onTestFinished } from 'vitest';
import { type LoadModelOptions, loadModel, type Model } from '../../lib/index.js';
import { demoModel } from './fixtures.js';

/**
 * Loads a model for the running test. Two threads unless told otherwise: work is shared, and no machine is overrun. Without
 * the predictor that is beside the demo model, which has tests of its own.
 */
export async function load(path: string | string[], options: LoadModelOptions = {}): Promise<Model> {
  const model = await loadModel(path, { threads: 2, predictor: 'none', ...options });
  onTestFinished(() => model.dispose());
  return model;
}

/** `more` MiB above the smallest budget in which the demo model works in this process now, as its error names it. */
export async function memoryBudget(more: number, options: LoadModelOptions = {}): Promise<number> {
  const error: Error = await loadModel(demoModel, { ...options, ram: 2 ** 20 }).then(
    () => expect.unreachable('1 MiB was enough'),
    (refused) => refused,
  );
  return (Number(/at least (\d+) MiB are needed/.exec(error.message)?.[1]) + more) * 2 ** 20;
}

/** The bits of floats, for comparing without tolerance: equal numbers may differ in sign or be no numbers. */
export function bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** Whether all bits are equal; cheaper than `toEqual` for millions of values, and its failure is readable. */
export function firstDifference(a: Float32Array, b: Float32Array): string | undefined {
  if (a.length !== b.length) return `${a.length} and ${b.length} values`;
  const [left, right] = [bits(a), bits(b)];
  const index = left.findIndex((word, i) => word !== right[i]);
  return index < 0 ? undefined : `value ${index}: ${a[index]} and ${b[index]}`;
}
