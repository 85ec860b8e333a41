/** Sequences side by side, of which some go into each step: which, is what is being tried. */

import { firstTurns, type NextBatchOptions, nextBatch, type ReadySequence } from '../scheduling/regroup/next-batch.js';

/** A sequence of the trace on its way. */
export interface Running {
  /** Its place in what is replayed. */
  index: number;
  /** The token that it computes next. */
  token: number;
  lastStep: number;
}

export interface ReplayOptions extends NextBatchOptions {
  /** Sequences that run at a time, and how many of them a step computes. */
  sequences: number;
  batch: number;
  /** [sequences of the trace] first generated token, and tokens in all. */
  begins: readonly number[];
  ends: readonly number[];
  /** What is said of the next token; undefined: nothing. */
  routeOf?: (running: Running) => Uint32Array;
  /** Chance instead of waiting: which of those goes first who have yet to be served in a round. */
  random?: () => number;
}

export interface ReplayStep {
  /** By places in what is replayed. */
  items: { index: number; token: number }[];
  /** Those that begin before this step. */
  begun: number[];
  /** All that run, if a round begins with this step. */
  round?: readonly Readonly<Running>[];
}

/**
 * Always as many run as there should; when one is over, the next one of the trace begins. Ends with the first round for which
 * there are too few, so that there is a choice in every step.
 */
export function* replay(options: ReplayOptions): Generator<ReplayStep> {
  const { sequences, batch, begins, ends, routeOf, random, method, turnSteps, leastGain, workspace } = options;
  const running: Running[] = [];
  let turns = firstTurns;
  let next = 0;
  for (let step = 0; ; step++) {
    const begun: number[] = [];
    while (running.length < sequences && next < begins.length) {
      running.push({ index: next, token: begins[next] as number, lastStep: step - 1 });
      begun.push(next++);
    }
    const isDue = ({ index }: Running) =>
      turns.waiting.includes(index) || (turns.stepsLeft > 0 && turns.batch.includes(index));
    const isRound = !running.some(isDue);
    const tooFew = running.length < sequences;
    if (tooFew && isRound) return;
    const round = isRound ? running.map((one) => ({ ...one })) : undefined;
    // The last round is ended for those who have yet to be served in it.
    const ready = running
      .filter((one) => !tooFew || isDue(one))
      .map(
        (one): ReadySequence => ({ id: one.index, lastStep: random ? random() : one.lastStep, route: routeOf?.(one) }),
      );
    const choice = nextBatch(ready, batch, turns, { method, turnSteps, leastGain, workspace });
    turns = choice.turns;
    const items = choice.ids.map((id) => {
      const one = running.find(({ index }) => index === id) as Running;
      one.lastStep = step;
      return { index: id, token: one.token++ };
    });
    yield { items, begun, round };
    for (let i = running.length - 1; i >= 0; i--) {
      const { index, token } = running[i] as Running;
      if (token >= (ends[index] as number)) running.splice(i, 1);
    }
  }
}
