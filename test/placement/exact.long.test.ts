import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { costOf, violation } from '../../lib/placement/cost.js';
import { packageRoot } from '../support/fixtures.js';
import { dealt, optimum, randomProblem, settings, shapes } from './instances.js';

// What is compiled: a worker cannot run TypeScript.
const { exact } = (await import(
  join(packageRoot, 'dist/lib/placement/solvers/exact.js')
)) as typeof import('../../lib/placement/solvers/exact.js');

describe('exact', () => {
  it.each(shapes)('proves the optimum: %s', async (_, shape) => {
    const problem = randomProblem(shape, 100);
    const { assignment, cost, status, bound } = await exact(problem, { ...settings, starts: [dealt(problem)] });
    expect(violation(problem, assignment)).toBeUndefined();
    expect(cost).toBe(costOf(problem, assignment));
    expect(cost).toBeCloseTo(optimum(problem), 6);
    expect(status).toBe('optimal');
    expect(bound).toBeCloseTo(cost, 4);
  });

  /** More than HiGHS can prove in seconds. */
  const hard = randomProblem({ layers: 6, experts: 16, gpus: 4 }, 1);

  it('is ended by the clock with what it has, and a bound that is below it', async () => {
    const began = performance.now();
    const { assignment, cost, status, bound } = await exact(hard, { seed: 1, timeLimit: 1.2, starts: [dealt(hard)] });
    expect(performance.now() - began).toBeLessThan(3500);
    expect(status).toBe('time limit');
    expect(violation(hard, assignment)).toBeUndefined();
    expect(cost).toBeLessThan(costOf(hard, dealt(hard)));
    if (bound !== undefined) expect(bound).toBeLessThan(cost);
  });

  it('passes an error of its listener on', async () => {
    const failure = new Error('the listener failed');
    const work = exact(hard, {
      seed: 1,
      timeLimit: 5,
      starts: [dealt(hard)],
      onProgress: () => {
        throw failure;
      },
    });
    await expect(work).rejects.toBe(failure);
  });

  it('ends when it is aborted', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 1200);
    const began = performance.now();
    const aborted = exact(hard, { seed: 1, timeLimit: 10, starts: [dealt(hard)], signal: controller.signal });
    await expect(aborted).rejects.toBe(reason);
    expect(performance.now() - began).toBeLessThan(3500);
  });

  it('refuses what is too large, before it spends time on it', async () => {
    const large = randomProblem({ layers: 30, experts: 64, gpus: 8 }, 1);
    const began = performance.now();
    await expect(exact(large, { ...settings, starts: [dealt(large)] })).rejects.toThrow(
      'solver: exact is for small instances, and 30 layers of 64 experts on 8 GPUs are more than 300000 variables; use sweep',
    );
    expect(performance.now() - began).toBeLessThan(2000);
  });
});
