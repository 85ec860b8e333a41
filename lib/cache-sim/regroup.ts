/** Ways to divide sequences into batches, compared on one trace: what each activates, and what caches then read. */

import { breather } from '../breather.js';
import { fromNative, InvalidArgumentError } from '../errors.js';
import { below, uniforms } from '../random.js';
import { addSet, countSet, wordsOf } from '../scheduling/regroup/expert-sets.js';
import { activatedAtLeast, leastActivated } from '../scheduling/regroup/optimum.js';
import { evenSizes } from '../scheduling/regroup/sizes.js';
import { RegroupWorkspace } from '../scheduling/regroup/workspace.js';
import type { Trace } from '../trace/trace.js';
import { type CacheRow, trainedPrediction } from './compare.js';
import { ReplayedCaches } from './regroup-caches.js';
import { type CompareGroupingsOptions, checkedGroupingOptions } from './regroup-options.js';
import { type ReplayOptions, type ReplayStep, type Running, replay } from './regroup-replay.js';
import { type ReplayedSequence, readSequences, setAt, setsOfHabit, setsOfPrevious } from './regroup-sequences.js';

export type { CompareGroupingsOptions } from './regroup-options.js';
export type { PredictedSet } from './regroup-predicted.js';

/** What became of the sequences with one way to make batches. */
export interface GroupingRow {
  /**
   * `in-order`: who has waited longest goes first; `random`; `medoids` and `exchange` as in regroup; `optimum`: the best
   * batches of each round; `bound`: what no batches of that size activate fewer than.
   */
  method: 'in-order' | 'random' | 'medoids' | 'exchange' | 'optimum' | 'bound';
  /**
   * What `medoids` and `exchange` went by: the routes that tokens took; that of the token before; what a sequence had used often
   * before; or what a predictor expected.
   */
  routes: 'true' | 'previous' | 'habit' | 'predicted' | null;
  tokens: number;
  steps: number;
  /** Experts that steps activated: each once per step, whatever the number of its tokens. */
  activated: number;
  activatedPerStep: number;
  activatedPerToken: number;
  /** Of what the order of waiting activates per token, the share that this saves. */
  saved: number;
  /** The most steps from one of a sequence to its next; null for bounds. */
  longestWait: number | null;
  /** What caches did, of generated tokens; by policy and size. */
  caches: CacheRow[];
}

/**
 * Lets sequences of a trace generate side by side, more of them than a step computes, and compares the ways in which
 * {@link nextBatch} can divide them: by chance, by ExpertFlow's clustering and by exchanges, by the routes that tokens really took, by
 * those of the tokens before, by habits and by a predictor's. As many sequences run as are asked for; when one is over the next one
 * begins, and all ends when there are too few. So each way is about the same tokens, but where turns are longer than a step.
 *
 * With `slots` or `bytes` the steps also go through caches, by the rules of the engine's own.
 *
 * @returns `in-order` first, bounds last
 * @throws InvalidArgumentError naming the option, or if the trace has too few sequences; InvalidFileError for a predictor of
 *   another model
 */
export async function compareGroupings(trace: Trace, options: CompareGroupingsOptions = {}): Promise<GroupingRow[]> {
  const chosen = checkedGroupingOptions(options, trace);
  const { signal, predictor, leastProbability, predictedSet } = chosen;
  const sequences = inDrawnOrder(await readSequences(trace, chosen.holdout, signal), chosen.seed);
  if (sequences.length < chosen.sequences) {
    throw new InvalidArgumentError(
      `sequences: the trace has ${sequences.length} with generated tokens, which are too few for ${chosen.sequences} at a time`,
    );
  }
  const words = wordsOf(trace);
  try {
    const trained =
      predictor !== undefined && leastProbability !== undefined
        ? await trainedPrediction({ predictor, leastProbability }, trace)
        : undefined;
    const sources: [GroupingRow['routes'], Uint32Array[]][] = [
      ['true', sequences.map(({ used }) => used)],
      ['previous', sequences.map((sequence) => setsOfPrevious(sequence, words))],
      ['habit', sequences.map((sequence) => setsOfHabit(trace, sequence))],
    ];
    if (predictor !== undefined) {
      sources.push(['predicted', await predictedBy(predictor, predictedSet, trace, sequences, signal)]);
    }
    const run = runner(trace, sequences, chosen, trained);
    const rows = [
      await run({ method: 'in-order', routes: null }, { method: 'none' }),
      await run({ method: 'random', routes: null }, { method: 'none', random: uniforms(chosen.seed) }),
    ];
    for (const method of ['medoids', 'exchange'] as const) {
      for (const [routes, sets] of sources) {
        const routeOf = ({ index, token }: Running) => setAt(sets[index] as Uint32Array, token, words);
        rows.push(await run({ method, routes }, { method, routeOf }));
      }
    }
    rows.push(...(await boundsOf(sequences, words, chosen)));
    const perToken = rows[0]?.activatedPerToken as number;
    return rows.map((row) => ({ ...row, saved: 1 - row.activatedPerToken / (perToken || 1) }));
  } catch (error) {
    signal?.throwIfAborted();
    throw fromNative(error);
  }
}

type Chosen = ReturnType<typeof checkedGroupingOptions>;

async function predictedBy(
  predictor: NonNullable<Chosen['predictor']>,
  which: Chosen['predictedSet'],
  trace: Trace,
  sequences: readonly ReplayedSequence[],
  signal: AbortSignal | undefined,
): Promise<Uint32Array[]> {
  const { readFitting, checkFits } = await import('../../predictor/fits.js');
  const { predictedSets } = await import('./regroup-predicted.js');
  const read = typeof predictor === 'string' ? await readFitting(predictor, trace) : predictor;
  checkFits(read, trace, typeof predictor === 'string' ? predictor : 'predictor');
  const breathe = breather(signal);
  const sets: Uint32Array[] = [];
  for (const set of predictedSets(trace, sequences, read, which)) {
    sets.push(set);
    await breathe();
  }
  return sets;
}

function inDrawnOrder(sequences: ReplayedSequence[], seed: number | bigint): ReplayedSequence[] {
  const random = uniforms(seed);
  const left = [...sequences];
  return sequences.map(() => left.splice(below(left.length, random), 1)[0] as ReplayedSequence);
}

function replayOptions(sequences: readonly ReplayedSequence[], chosen: Chosen): ReplayOptions {
  return {
    sequences: chosen.sequences,
    batch: chosen.batch,
    turnSteps: chosen.turnSteps,
    leastGain: chosen.leastGain,
    begins: sequences.map(({ promptTokens }) => promptTokens),
    ends: sequences.map(({ ids }) => ids.length),
  };
}

function runner(
  trace: Trace,
  sequences: readonly ReplayedSequence[],
  chosen: Chosen,
  trained: Awaited<ReturnType<typeof trainedPrediction>> | undefined,
) {
  const words = wordsOf(trace);
  const workspace = new RegroupWorkspace();
  const breathe = breather(chosen.signal);
  return async (
    name: Pick<GroupingRow, 'method' | 'routes'>,
    way: Pick<ReplayOptions, 'method' | 'routeOf' | 'random'>,
  ): Promise<GroupingRow> => {
    const caches = chosen.caches && new ReplayedCaches(trace, chosen.caches, sequences, trained);
    const counts = new StepCounts(sequences, words);
    for (const step of replay({ ...replayOptions(sequences, chosen), ...way, workspace })) {
      counts.add(step);
      await caches?.add(step);
      await breathe();
    }
    return { ...name, ...counts.result(), caches: (await caches?.finish()) ?? [] };
  };
}

class StepCounts {
  readonly #sequences: readonly ReplayedSequence[];
  readonly #union: Uint32Array;
  readonly #words: number;
  readonly #lastStep = new Map<number, number>();
  #tokens = 0;
  #steps = 0;
  #activated = 0;
  #longestWait = 0;

  constructor(sequences: readonly ReplayedSequence[], words: number) {
    this.#sequences = sequences;
    this.#words = words;
    this.#union = new Uint32Array(words);
  }

  add({ items }: ReplayStep): void {
    this.#union.fill(0);
    for (const { index, token } of items) {
      addSet(this.#union, setAt((this.#sequences[index] as ReplayedSequence).used, token, this.#words));
      const last = this.#lastStep.get(index);
      if (last !== undefined) this.#longestWait = Math.max(this.#longestWait, this.#steps - last);
      this.#lastStep.set(index, this.#steps);
    }
    this.#activated += countSet(this.#union);
    this.#tokens += items.length;
    this.#steps++;
  }

  result(): Omit<GroupingRow, 'method' | 'routes' | 'caches'> {
    return {
      ...countsOf(this.#tokens, this.#steps, this.#activated),
      longestWait: this.#longestWait,
    };
  }
}

function countsOf(tokens: number, steps: number, activated: number) {
  return {
    tokens,
    steps,
    activated,
    activatedPerStep: activated / (steps || 1),
    activatedPerToken: activated / (tokens || 1),
    saved: 0,
  };
}

/** Where all compute one token in each round, rounds are the same in whatever batches. */
async function boundsOf(sequences: readonly ReplayedSequence[], words: number, chosen: Chosen): Promise<GroupingRow[]> {
  if (chosen.turnSteps > 1 || chosen.sequences % chosen.batch !== 0) return [];
  const breathe = breather(chosen.signal);
  const sizes = evenSizes(chosen.sequences, chosen.batch);
  let [rounds, bound, optimum] = [0, 0, 0];
  for (const { round } of replay({ ...replayOptions(sequences, chosen), method: 'none' })) {
    if (!round) continue;
    const sets = round.map(({ index, token }) => setAt((sequences[index] as ReplayedSequence).used, token, words));
    rounds++;
    bound += activatedAtLeast(sets, chosen.batch);
    if (chosen.optimum) optimum += leastActivated(sets, sizes);
    await breathe();
  }
  const counts = (activated: number) => countsOf(rounds * chosen.sequences, rounds * sizes.length, activated);
  const rest = { routes: null, longestWait: null, caches: [] };
  return [
    ...(chosen.optimum ? [{ method: 'optimum' as const, ...counts(optimum), ...rest }] : []),
    { method: 'bound', ...counts(bound), ...rest },
  ];
}
