import { describe, expect, it } from 'vitest';
import { nextPace, type PromptPace, promptTokensBeside } from '../../lib/scheduling/prompt-pace.js';

/** What a step takes with so many prompt tokens beside those that generate. */
type StepSeconds = (promptTokens: number) => number;

/** So many generate and so many read their prompts, for a while. */
function settle(seconds: StepSeconds, generating: number, reading: number): number {
  let pace: PromptPace = [];
  for (let step = 0; step < 40; step++) {
    const promptTokens = Math.min(512, promptTokensBeside(pace, generating, reading));
    pace = nextPace(pace, { seconds: seconds(promptTokens), generatedTokens: generating, promptTokens });
  }
  return promptTokensBeside(pace, generating, reading);
}

describe('the pace of prompts beside sequences that generate', () => {
  it('makes these wait three steps of their own, or a tenth of a second; each that reads counts as much as one of them', () => {
    for (const [perStep, perPrompt] of [
      [0.002, 0.0001],
      [0.02, 0.001],
      [0.4, 0.01],
      [0.4, 0.03],
    ] as const) {
      for (const [generating, reading] of [
        [1, 1],
        [3, 1],
        [2, 6],
      ] as const) {
        const most = Math.max(0.1, 3 * perStep * (1 + reading / generating));
        const tokens = settle((prompt) => perStep + prompt * perPrompt, generating, reading);
        expect(tokens, `${perStep} s, ${generating} and ${reading}`).toBeCloseTo((most - perStep) / perPrompt, -1);
        expect(perStep + tokens * perPrompt).toBeLessThan(1.01 * most);
      }
    }
  });

  it('finds it too where the first tokens of a prompt cost more than the rest', () => {
    const seconds = (prompt: number) => (prompt > 0 ? 0.3 + prompt * 0.007 : 0.2);
    expect(seconds(settle(seconds, 8, 1))).toBeCloseTo(3 * 0.2 * (9 / 8), 1);
  });

  it('goes by what a step takes with as many sequences as there are now', () => {
    let pace: PromptPace = [];
    const step = (generatedTokens: number, promptTokens: number, seconds: number) => {
      pace = nextPace(pace, { seconds, generatedTokens, promptTokens });
    };
    step(16, 0, 0.4);
    expect(promptTokensBeside(pace, 16, 1)).toBeGreaterThan(0);
    expect(promptTokensBeside(pace, 17, 1)).toBeGreaterThan(0);
    for (const others of [1, 2, 15, 32]) expect(promptTokensBeside(pace, others, 1)).toBe(0);
    step(1, 0, 0.05);
    for (let i = 0; i < 20; i++) step(16, 400, 1.2);
    expect(promptTokensBeside(pace, 1, 1)).toBeLessThan(100);
  });

  it('is not carried away by one step, be it slow or fast', () => {
    let pace: PromptPace = [];
    const step = (promptTokens: number, seconds: number) => {
      pace = nextPace(pace, { seconds, generatedTokens: 2, promptTokens });
      return promptTokensBeside(pace, 2, 2);
    };
    step(0, 0.4);
    for (let i = 0; i < 20; i++) step(400, 2);
    const usual = promptTokensBeside(pace, 2, 2);
    expect(step(400, 60)).toBeGreaterThanOrEqual(Math.floor(usual * 0.75));
    for (let i = 0; i < 20; i++) step(400, 2);
    expect(step(400, 0)).toBeLessThanOrEqual(Math.ceil(usual * 1.5));
    for (let i = 0; i < 20; i++) step(400, 0);
    expect(promptTokensBeside(pace, 2, 2)).toBeGreaterThan(0);
    for (let i = 0; i < 60; i++) step(400, 2);
    expect(promptTokensBeside(pace, 2, 2)).toBeCloseTo(usual, -1);
  });

  it('is never less than gets on', () => {
    expect(settle((prompt) => 0.4 + prompt * 10, 3, 1)).toBe(16);
  });

  it('does not learn from steps in which nobody generates, nor from the end of a prompt', () => {
    const pace = nextPace([], { seconds: 0.1, generatedTokens: 1, promptTokens: 0 });
    expect(nextPace(pace, { seconds: 9, generatedTokens: 0, promptTokens: 512 })).toEqual(pace);
    expect(nextPace(pace, { seconds: 0.3, generatedTokens: 1, promptTokens: 3 })).toEqual(pace);
    expect(nextPace([], { seconds: 0.3, generatedTokens: 1, promptTokens: 300 })).toEqual([]);
  });
});
