/** Crossings on a published trace, against counts of an independent script. Runs where the traces are: MOEFLOW_TRACES. */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTrace, placement } from '../../lib/index.js';
import { tracesFolder } from '../support/fixtures.js';

const file = 'AmanPriyanshu__GPT-OSS-MoE-ExpertFingerprinting/gptoss20b_experts.u8';

describe.runIf(!tracesFolder)('published traces', () => {
  it('are not tested: set MOEFLOW_TRACES to the folder that holds them', () => {
    console.warn('MOEFLOW_TRACES is not set: plans are tested on made-up traces only.');
  });
});

describe.runIf(tracesFolder)('plans for gpt-oss-20b, made from even sequences, on odd ones', () => {
  it.each([
    [2, 244_785, 97_246, [1.95, 1.68], 0.172],
    [4, 366_066, 181_231, [3.02, 2.37], 0.316],
    [8, 426_631, 230_117, [3.58, 2.9], 0.445],
  ] as const)(
    '%i GPUs: linear and greedy as counted, and a plan that reaches its goal',
    async (gpus, linear, greedy, touched, goal) => {
      const trace = await openTrace(join(tracesFolder as string, file));
      const { evaluation, metadata } = await placement.plan(trace, { gpus }, { timeLimit: 10 });
      const { baselines, plan } = evaluation;
      expect(baselines.linear?.path).toMatchObject({ crossings: linear });
      expect(baselines.greedy?.path).toMatchObject({ crossings: greedy });
      expect(baselines.linear?.transitions).toBe(483_621);
      expect(baselines.linear?.gpusPerTokenLayer).toBeCloseTo(touched[0], 2);
      expect(baselines.greedy?.gpusPerTokenLayer).toBeCloseTo(touched[1], 2);
      expect(plan.path?.share).toBeLessThanOrEqual(goal);
      expect(metadata.seconds).toBeLessThan(10.5);
    },
  );
});
