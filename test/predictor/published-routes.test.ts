import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTrace } from '../../lib/trace/open.js';
import { type Baseline, baselineScores } from '../../predictor/baselines.js';
import { readRoutes } from '../../predictor/dataset.js';
import { evaluateScores } from '../../predictor/evaluate.js';
import { tracesFolder } from '../support/fixtures.js';

const file = 'AmanPriyanshu__GPT-OSS-MoE-ExpertFingerprinting/gptoss20b_experts.u8';

describe.runIf(!tracesFolder)('guesses for published routes', () => {
  it('are not tested: set MOEFLOW_TRACES to the folder that holds the traces', () => {
    console.warn('MOEFLOW_TRACES is not set: guesses are tested on made-up routes only.');
  });
});

describe.runIf(tracesFolder)('guesses for published routes of gpt-oss-20b', () => {
  // Counted by a script of its own, in another language: learned on even sequences, tested on odd ones, of 2,018,592 uses
  // those among the 4 and 8 with the highest scores, the lowest number first where scores are equal.
  const expected: [Baseline, number, number][] = [
    ['popularity', 545_969, 958_208],
    ['token-table', 1_060_667, 1_438_989],
    ['token-and-previous', 1_170_017, 1_576_539],
  ];
  it('come to the counts of another program', async () => {
    const routes = await readRoutes(await openTrace(join(tracesFolder as string, file)), 'even-odd');
    const training = routes.sequences.filter(({ heldOut }) => !heldOut);
    const testing = routes.sequences.filter(({ heldOut }) => heldOut);
    const rows = ({ count }: { count: number }) => count;
    expect([training, testing].map((list) => list.map(rows).reduce((a, b) => a + b))).toEqual([21_304, 21_027]);
    const scores = baselineScores(routes, training);
    for (const [name, ofFour, ofEight] of expected) {
      const { recallAt } = await evaluateScores(routes, testing, scores[name]);
      const uses = 21_027 * 24 * 4;
      expect([name, Math.round(uses * (recallAt[4] ?? 0)), Math.round(uses * (recallAt[8] ?? 0))]).toEqual([
        name,
        ofFour,
        ofEight,
      ]);
    }
  }, 120_000);
});
