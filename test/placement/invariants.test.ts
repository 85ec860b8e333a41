import fc from 'fast-check';
import { expect, it } from 'vitest';
import { placement } from '../../lib/index.js';
import { scoreOf } from '../../lib/placement/score.js';
import { topicalTrace } from './routes.js';

const requests = fc
  .record({
    layers: fc.integer({ min: 1, max: 4 }),
    perGpu: fc.integer({ min: 1, max: 3 }),
    gpus: fc.constantFrom(2, 3, 4, 6),
    halves: fc.boolean(),
    extra: fc.integer({ min: 0, max: 2 }),
    ranked: fc.boolean(),
    objective: fc.constantFrom(...placement.objectives),
    seed: fc.nat(),
  })
  .map(({ layers, perGpu, gpus, halves, extra, ranked, objective, seed }) => {
    const experts = Math.max(2, perGpu * gpus);
    const trace = topicalTrace({ layers, experts, k: 2, ranked }, 2, { sequences: 4, tokens: 12, stray: 0.5 });
    const replicas = Math.min(experts + extra * gpus, experts * gpus);
    return { trace, experts, gpus, nodes: halves && gpus % 2 === 0 ? 2 : 1, options: { replicas, objective, seed } };
  });

it('a plan has all experts, as many on each GPU, no two copies together, and is not worse than any baseline where it was made', async () => {
  await fc.assert(
    fc.asyncProperty(requests, async ({ trace, experts, gpus, nodes, options }) => {
      const { replicas, objective } = options;
      const plan = await placement.plan(trace, { gpus, nodes }, { ...options, holdout: 'none', timeLimit: 0.2 });
      for (const layer of plan.placement) {
        expect(layer).toHaveLength(experts);
        const counts = Array<number>(gpus).fill(0);
        for (const list of layer) for (const gpu of [list].flat()) counts[gpu] = (counts[gpu] as number) + 1;
        expect(counts).toEqual(Array(gpus).fill(replicas / gpus));
        if (plan.metadata.chosen !== 'search') continue;
        for (const list of layer) expect(new Set([list].flat()).size).toBe([list].flat().length);
      }
      const goals = {
        crossings: { crossings: 1, together: 0, balance: 0 },
        bytes: { crossings: 0, together: 1, balance: 0 },
        balance: { crossings: 1e-3, together: 0, balance: 1 },
        fused: { crossings: 1, together: 0, balance: 0.3 },
      }[objective];
      const score = (result: placement.Evaluation) =>
        scoreOf(result, { ...goals, affinity: plan.metadata.affinity }, 4);
      for (const baseline of Object.values(plan.evaluation.baselines)) {
        expect(score(plan.evaluation.plan)).toBeLessThanOrEqual(score(baseline) + 1e-9);
      }
    }),
    { numRuns: 25 },
  );
});
