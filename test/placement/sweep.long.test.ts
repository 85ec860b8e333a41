import { describe, expect, it } from 'vitest';
import { costOf, violation } from '../../lib/placement/cost.js';
import type { SolverProgress } from '../../lib/placement/solvers/solver.js';
import { sweep } from '../../lib/placement/solvers/sweep.js';
import { dealt, optimum, randomProblem, settings, shapes } from './instances.js';

describe('sweep', () => {
  it.each(shapes)('finds the optimum: %s', async (_, shape, instances) => {
    for (let seed = 0; seed < instances; seed++) {
      const problem = randomProblem(shape, seed);
      const { assignment, cost, status } = await sweep(problem, { ...settings, starts: [dealt(problem)] });
      expect(violation(problem, assignment)).toBeUndefined();
      expect(cost).toBe(costOf(problem, assignment));
      expect(cost).toBeCloseTo(optimum(problem), 9);
      expect(status).toBe('settled');
    }
  });

  const larger = randomProblem({ layers: 8, experts: 12, gpus: 4, nodes: 2 }, 1);

  it('gives the same for the same seed, and tells of everything better that it finds', async () => {
    const heard: SolverProgress[] = [];
    const first = await sweep(larger, { ...settings, starts: [dealt(larger)], onProgress: (news) => heard.push(news) });
    const second = await sweep(larger, { ...settings, starts: [dealt(larger)] });
    expect(second.assignment).toEqual(first.assignment);
    expect(heard.length).toBeGreaterThan(1);
    expect(heard.map(({ cost }) => cost)).toEqual(heard.map(({ cost }) => cost).sort((a, b) => b - a));
    expect(heard.at(-1)?.cost).toBe(first.cost);
  });

  it('is not worse than what it begins with, however little time it has', async () => {
    const { assignment } = await sweep(larger, { ...settings, starts: [dealt(larger)] });
    const late = await sweep(larger, { seed: 2, timeLimit: 0, starts: [dealt(larger), assignment] });
    expect(late.status).toBe('time limit');
    expect(late.cost).toBe(costOf(larger, assignment));
  });

  it('ends when it is aborted', async () => {
    const huge = randomProblem({ layers: 30, experts: 64, gpus: 8 }, 1);
    const reason = new Error('enough');
    const began = performance.now();
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 100);
    const aborted = sweep(huge, { ...settings, timeLimit: 60, starts: [dealt(huge)], signal: controller.signal });
    await expect(aborted).rejects.toBe(reason);
    expect(performance.now() - began).toBeLessThan(3000);
    await expect(sweep(huge, { ...settings, starts: [dealt(huge)], signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
  });
});
