import { describe, expect, it } from 'vitest';
import { firstPace, nextPace, type PromptPace, promptTokensBeside } from '../../lib/scheduling/prompt-pace.js';

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

  it('goes by what a step takes with as many sequences as there are now', () => {
    let pace = firstPace;
    const step = (generatedTokens: number, promptTokens: number, seconds: number) => {
      pace = nextPace(pace, { seconds, generatedTokens, promptTokens }, 512);
    };
    // Sixteen take .4 s together, so that prompts may make it 1.2 s; one alone takes .05 s.
    step(16, 0, 0.4);
    for (let i = 0; i < 20; i++) step(16, pace.tokens, 0.4 + pace.tokens * 0.002);
    expect(promptTokensBeside(pace, 16)).toBe(128);
    expect(promptTokensBeside(pace, 1)).toBe(0);
    step(1, 0, 0.05);
    for (let i = 0; i < 20; i++) step(1, pace.tokens, 0.05 + pace.tokens * 0.002);
    expect(0.05 + promptTokensBeside(pace, 1) * 0.002).toBeLessThanOrEqual(0.15);
    for (let i = 0; i < 20; i++) step(15, pace.tokens, 0.4 + pace.tokens * 0.002);
    expect(promptTokensBeside(pace, 15)).toBe(0);
    expect(promptTokensBeside(pace, 17)).toBeGreaterThan(0);
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
