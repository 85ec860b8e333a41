import { describe, expect, it } from 'vitest';
import { firstPace, nextPace, type PromptPace } from '../../lib/scheduling/prompt-pace.js';

/** An engine whose steps take `perPrompt` seconds for a prompt token and `perStep` for those that generate. */
function settle(perStep: number, perPrompt: number, most = 512): PromptPace {
  let pace = firstPace;
  for (let step = 0; step < 40; step++) {
    const promptTokens = step % 2 ? pace.tokens : 0;
    pace = nextPace(pace, { seconds: perStep + promptTokens * perPrompt, generatedTokens: 3, promptTokens }, most);
  }
  return pace;
}

describe('the pace of prompts beside sequences that generate', () => {
  it('is as much as makes these wait no longer than three steps of their own, or a tenth of a second', () => {
    for (const [perStep, perPrompt] of [
      [0.002, 0.0001],
      [0.02, 0.001],
      [0.4, 0.01],
      [0.4, 0.03],
    ] as const) {
      const { tokens } = settle(perStep, perPrompt);
      const most = Math.max(0.1, 3 * perStep);
      expect(perStep + tokens * perPrompt).toBeLessThanOrEqual(most);
      if (tokens < 512) expect(perStep + 5 * tokens * perPrompt).toBeGreaterThan(most);
    }
  });

  it('is a step at most, and never less than gets on', () => {
    expect(settle(0.001, 1e-6, 512).tokens).toBe(512);
    expect(settle(0.4, 10).tokens).toBe(16);
  });

  it('does not learn from steps in which nobody generates, nor from the end of a prompt', () => {
    expect(nextPace(firstPace, { seconds: 9, generatedTokens: 0, promptTokens: 512 }, 512)).toEqual(firstPace);
    expect(nextPace(firstPace, { seconds: 0.001, generatedTokens: 1, promptTokens: 3 }, 512)).toEqual(firstPace);
  });
});
