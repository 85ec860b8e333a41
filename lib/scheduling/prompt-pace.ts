/** How much of the prompts goes into a step in which others generate, so that these do not wait long for it. */

const leastTokens = 16;
/** What a step may take that also reads prompts, in times of one that only generates; each that waits for its first token counts as much as one that generates. */
const mostTimesLonger = 3;
/** And at least so many seconds. */
const leastSeconds = 0.1;

/** Plain data; {@link nextPace} makes the next one. By the magnitude of the number of sequences that generate: 1, 2 and 3, 4 to 7, ... */
export type PromptPace = readonly (StepTimes | undefined)[];

interface StepTimes {
  /** Of a step that only generates. */
  readonly seconds: number;
  /** Prompt tokens for each second that a step takes longer. */
  readonly tokensPerSecond: number;
}

/**
 * How many tokens of prompts a step may have.
 *
 * @param generating sequences that generate in the step, at least one
 * @param reading sequences that have not read their prompts, at least one
 * @returns 0 until it is known how long so many take to generate alone
 */
export function promptTokensBeside(pace: PromptPace, generating: number, reading: number): number {
  const times = pace[magnitude(generating)];
  if (!times) return 0;
  const most = Math.max(leastSeconds, (mostTimesLonger * times.seconds * (generating + reading)) / generating);
  return Math.max(leastTokens, Math.floor((most - times.seconds) * times.tokensPerSecond));
}

function magnitude(generating: number): number {
  return Math.floor(Math.log2(generating));
}

export interface FinishedStep {
  seconds: number;
  generatedTokens: number;
  promptTokens: number;
}

/** Learns from a step; both times follow the last few. */
export function nextPace(pace: PromptPace, { seconds, generatedTokens, promptTokens }: FinishedStep): PromptPace {
  if (generatedTokens === 0) return pace;
  const alike = magnitude(generatedTokens);
  const times = pace[alike];
  if (promptTokens === 0) return withTimes(pace, alike, generatingAlone(times, seconds));
  // The first tokens of a prompt read nearly all experts already: what a few of them take says nothing of more.
  return times && promptTokens >= leastTokens ? withTimes(pace, alike, readingToo(times, seconds, promptTokens)) : pace;
}

function withTimes(pace: PromptPace, at: number, times: StepTimes): PromptPace {
  const next = [...pace];
  next[at] = times;
  return next;
}

function generatingAlone(times: StepTimes | undefined, seconds: number): StepTimes {
  // Careful at first.
  if (!times) return { seconds, tokensPerSecond: leastTokens / Math.max(leastSeconds, seconds) };
  return { ...times, seconds: times.seconds + (seconds - times.seconds) / 4 };
}

function readingToo(times: StepTimes, seconds: number, tokens: number): StepTimes {
  const { tokensPerSecond: before } = times;
  // One step is not trusted far: the machine may have had something else to do, in this one or in those before.
  const now = Math.min(2 * before, Math.max(before / 2, tokens / Math.max(seconds - times.seconds, 1e-9)));
  return { ...times, tokensPerSecond: (before + now) / 2 };
}
