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
  /** Seconds of a step that only generates; 0 before the first. */
  readonly generatingSeconds: number;
}

export const firstPace: PromptPace = { tokens: 64, generatingSeconds: 0 };

export interface FinishedStep {
  seconds: number;
  generatedTokens: number;
  promptTokens: number;
}

/** Doubles and halves by what the last step took. */
export function nextPace(pace: PromptPace, step: FinishedStep, mostTokens: number): PromptPace {
  if (step.generatedTokens === 0) return pace;
  if (step.promptTokens === 0) {
    // The mean of the last few.
    const mean = pace.generatingSeconds || step.seconds;
    return { ...pace, generatingSeconds: mean + (step.seconds - mean) / 4 };
  }
  const most = Math.max(leastSeconds, mostTimesLonger * pace.generatingSeconds);
  if (step.seconds > most) return { ...pace, tokens: Math.max(leastTokens, Math.floor(pace.tokens / 2)) };
  const couldHaveBeenMore = step.promptTokens >= pace.tokens && step.seconds < most / 2;
  return couldHaveBeenMore ? { ...pace, tokens: Math.min(mostTokens, pace.tokens * 2) } : pace;
}
