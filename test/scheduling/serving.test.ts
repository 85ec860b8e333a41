import { describe, expect, it } from 'vitest';
import { type Arrival, poissonArrivals } from '../../bench/serving/arrivals.js';
import { quantile } from '../../bench/serving/report.js';
import { type Candidate, isGenerating, planStep } from '../../lib/scheduling/plan.js';
import { nextPace, type PromptPace, promptTokensBeside } from '../../lib/scheduling/prompt-pace.js';

const sequences = 8;
const limits = { tokens: 512, sequences, sequencesPerStep: sequences, freeBlocks: 1e6, blockTokens: 16 };

/** Seconds of a step of a model with 64 experts per layer, of which a token uses 8: what it reads, and what it computes. */
function stepSeconds(tokens: number): number {
  return 0.02 + 0.18 * (1 - (1 - 8 / 64) ** tokens) + 0.007 * tokens;
}

interface Simulated extends Candidate {
  arrival: Arrival;
  tokens: Int32Array;
  read: number;
  lastTurn: number;
  /** When its tokens came. */
  times: number[];
}

function isOpen({ arrival, times }: Simulated): boolean {
  return times.length < arrival.tokens;
}

/** Serves requests as the scheduler does; with `closed`, those that come wait until all that were there are done. */
function serve(arrivals: readonly Arrival[], closed: boolean): { first: number[]; between: number[] } {
  const coming = arrivals.map((arrival): Simulated => {
    const never = { lastTurn: -1, priority: 0, mayShare: false, stalled: false };
    return { ...never, arrival, tokens: Int32Array.from(arrival.prompt), read: 0, times: [] };
  });
  let [now, turn, pace] = [0, 0, [] as PromptPace];
  let batch: Simulated[] = [];
  for (let open = coming; open.length > 0; open = open.filter(isOpen)) {
    now = Math.max(now, open[0]?.arrival.at ?? 0);
    const come = open.filter(({ arrival }) => arrival.at <= now);
    if (closed && !batch.some(isOpen)) batch = come.slice(0, sequences);
    const here = closed ? batch.filter(isOpen) : come;
    const begun = here.filter(({ lastTurn }) => lastTurn >= 0);
    const waiting = here.filter(({ lastTurn }) => lastTurn < 0);
    const promptTokens = (generating: number, reading: number) => promptTokensBeside(pace, generating, reading);
    const { items } = planStep(begun, waiting, { ...limits, promptTokens });
    const tokens = items.reduce((sum, item) => sum + item.tokens, 0);
    const generatedTokens = items.filter(({ request }) => isGenerating(request)).length;
    const seconds = stepSeconds(tokens);
    now += seconds;
    pace = nextPace(pace, { seconds, generatedTokens, promptTokens: tokens - generatedTokens });
    for (const { request, tokens } of items) {
      request.lastTurn = turn++;
      request.read += tokens;
      if (request.read < request.tokens.length) continue;
      request.tokens = new Int32Array(request.tokens.length + 1);
      request.times.push(now - request.arrival.at);
    }
  }
  const first = coming.map(({ times }) => times[0] as number);
  const between = coming.flatMap(({ times }) => times.slice(1).map((time, i) => time - (times[i] as number)));
  return { first, between };
}

describe('requests that come at random times', () => {
  const seeds = Array.from({ length: 30 }, (_, seed) => seed);
  const load = { requests: 16, promptTokens: 128, tokens: 64, vocabulary: 100 };
  const runs = (rate: number, closed: boolean) =>
    seeds.map((seed) => serve(poissonArrivals({ ...load, rate, seed }), closed));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

  it.each([0.2, 0.3])(
    'get their first tokens in three fifths of the time of closed batches, at %f a second',
    (rate) => {
      const [asTheyCome, inBatches] = [runs(rate, false), runs(rate, true)];
      const first = (served: typeof asTheyCome, share: number) => mean(served.map((run) => quantile(run.first, share)));
      expect(first(asTheyCome, 0.5)).toBeLessThan(0.6 * first(inBatches, 0.5));
      expect(first(asTheyCome, 0.95)).toBeLessThan(first(inBatches, 0.95));
    },
  );

  it('do not wait long for their next ones meanwhile', () => {
    const gaps = runs(0.3, false).flatMap(({ between }) => between);
    // Eight that generate take .2 s a step, and the shortest piece of a prompt .36 s; steps that read may take three times the former.
    expect(quantile(gaps, 0.5)).toBeLessThan(0.2);
    expect(quantile(gaps, 0.95)).toBeLessThan(0.55);
    expect(quantile(gaps, 0.99)).toBeLessThan(0.7);
  });
});
