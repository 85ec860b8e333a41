import { below, uniforms } from '../../lib/random.js';

/** A request that comes at its time, whatever has become of those before it. */
export interface Arrival {
  /** Seconds from the beginning. */
  at: number;
  prompt: number[];
  /** Tokens to generate. */
  tokens: number;
}

export interface Load {
  requests: number;
  /** Requests per second. */
  rate: number;
  /** Means; both are drawn from a quarter of them to four times as much, short ones being more frequent. */
  promptTokens: number;
  tokens: number;
  vocabulary: number;
  seed: number;
}

/** A Poisson process: the times between arrivals are exponential. */
export function poissonArrivals({ requests, rate, promptTokens, tokens, vocabulary, seed }: Load): Arrival[] {
  const random = uniforms(seed);
  /** Of mean `mean`, log-uniform between a quarter and four times its middle. */
  const length = (mean: number) => {
    const middle = mean / ((4 - 1 / 4) / (2 * Math.log(4)));
    return Math.max(1, Math.round(middle * 4 ** (2 * random() - 1)));
  };
  let at = 0;
  return Array.from({ length: requests }, () => {
    at += -Math.log(1 - random()) / rate;
    const prompt = Array.from({ length: length(promptTokens) }, () => below(vocabulary, random));
    return { at, prompt, tokens: length(tokens) };
  });
}
