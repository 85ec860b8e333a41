/** How much of a prompt goes into a step in which others generate, so that these do not wait long for it. */

const leastTokens = 16;
/** What a step may take that also reads prompts: so many times as long as one that does not, */
const mostTimesLonger = 3;
/** and at least so many seconds. */
const leastSeconds = 0.1;

/** Plain data; {@link nextPace} makes the next one. */
export interface PromptPace {
  /** Prompt tokens of a step. */
  readonly tokens: number;
  /** Seconds of a step that only generates, by the magnitude of the number of tokens: 1, 2 and 3, 4 to 7, ... */
  readonly generatingSeconds: readonly (number | undefined)[];
}

export const firstPace: PromptPace = { tokens: 64, generatingSeconds: [] };

/** How many tokens of prompts a step may have in which so many sequences generate: none until it is known how long that alone takes. */
export function promptTokensBeside(pace: PromptPace, generating: number): number {
  return pace.generatingSeconds[magnitude(generating)] === undefined ? 0 : pace.tokens;
}

function magnitude(generating: number): number {
  return Math.floor(Math.log2(generating));
}

export interface FinishedStep {
  seconds: number;
  generatedTokens: number;
  promptTokens: number;
}

/** Doubles and halves by what the last step took. */
export function nextPace(pace: PromptPace, step: FinishedStep, mostTokens: number): PromptPace {
  if (step.generatedTokens === 0) return pace;
  const alike = magnitude(step.generatedTokens);
  const mean = pace.generatingSeconds[alike] ?? step.seconds;
  if (step.promptTokens === 0) {
    const generatingSeconds = [...pace.generatingSeconds];
    // The mean of the last few.
    generatingSeconds[alike] = mean + (step.seconds - mean) / 4;
    return { ...pace, generatingSeconds };
  }
  const most = Math.max(leastSeconds, mostTimesLonger * mean);
  if (step.seconds > most) return { ...pace, tokens: Math.max(leastTokens, Math.floor(pace.tokens / 2)) };
  const couldHaveBeenMore = step.promptTokens >= pace.tokens && step.seconds < most / 2;
  return couldHaveBeenMore ? { ...pace, tokens: Math.min(mostTokens, pace.tokens * 2) } : pace;
}
