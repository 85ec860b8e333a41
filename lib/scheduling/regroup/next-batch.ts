/** Whose turn it is among sequences that generate, when not all can go into one step. */

import { InvalidArgumentError } from '../../errors.js';
import { check, checkOptions } from '../../options.js';
import { addSet, countOutside, countSet, unionOf } from './expert-sets.js';
import { checkRoutes, groupInto, type RegroupMethod, regroupChecks, regroupMethods } from './regroup.js';
import { fullSizes, inOrder } from './sizes.js';
import type { RegroupWorkspace } from './workspace.js';

/** What a choice goes by, of a sequence whose next token can be computed. */
export interface ReadySequence {
  id: number;
  /** The step in which it last took part: the lower, the longer it has waited. */
  lastStep: number;
  /** Higher ones go first, whatever they activate. Default 0. */
  priority?: number;
  /** Experts that its next token will probably use, as in {@link regroup}; without, it fits anywhere. */
  route?: Uint32Array;
}

/** What is kept between choices; plain data, of which {@link nextBatch} makes the next one. */
export interface Turns {
  /** Those who have yet to have their turn in the round under way. */
  readonly waiting: readonly number[];
  /** Whose turn it is, and for how many steps more. */
  readonly batch: readonly number[];
  readonly stepsLeft: number;
  /** What the batch was expected to use, if anything was known of it. */
  readonly union?: Uint32Array;
}

export const firstTurns: Turns = { waiting: [], batch: [], stepsLeft: 0 };

export interface NextBatchOptions {
  /** How batches are made; `none`: in the order of waiting. Default `exchange`. */
  method?: RegroupMethod | 'none';
  /** Steps that a batch goes on for before it is the next one's turn. Default 1. */
  turnSteps?: number;
  /** Of what the order of waiting would activate, the share that another order must save. Default 0.02. */
  leastGain?: number;
  /** Experts that are in memory now. Default: what the last batch was expected to use. */
  resident?: Uint32Array;
  /** To be used again. */
  workspace?: RegroupWorkspace;
}

export interface NextBatch {
  /** Who takes part in the next step: as many as may, or all that are ready. */
  ids: number[];
  turns: Turns;
  /** Whether it was chosen by routes, and not by the order of waiting. */
  regrouped: boolean;
}

export const defaultLeastGain = 0.02;

const optionChecks = {
  method: check.oneOf('none', ...regroupMethods),
  turnSteps: check.integer(1, 2 ** 20),
  leastGain: check.number(0, 1),
  resident: regroupChecks.free,
  workspace: regroupChecks.workspace,
};

/**
 * Chooses the sequences of the next step such that their tokens share experts (ExpertFlow, arXiv 2410.17954, token scheduler),
 * and nobody is passed over. Sequences are served in rounds, each once in a round. Those who have yet to be served in it are
 * divided into batches by {@link regroup}, and the batch that needs least besides what is in memory is next; it stays
 * for a turn of `turnSteps`. The others are divided anew after that: they have not moved, so that what was predicted for them still holds.
 * Where too few are left to fill a step, some of the next round go along, those first with whom the batch grows least, and
 * have had their turn in that round then. Who comes meanwhile is of the next round.
 *
 * So all get on alike. With n sequences, steps of b and m = ceil(n / b), at most 2 m - 1 turns of others are between two turns of a
 * sequence; in the order of waiting they are m - 1.
 *
 * Routes may be a predictor's for the next token, or a sequence's habit ({@link habitSet}), which is better for turns of several
 * steps. If none is known, or batches by routes would save less than `leastGain`, the order of waiting decides who goes together.
 *
 * @param ready     in the order of their rights, which decides where two have waited for equally long
 * @param batchSize sequences of a step
 * @param turns     what the last call gave; at first {@link firstTurns}
 * @throws InvalidArgumentError naming the option, or the sequence whose route has another length
 */
export function nextBatch(
  ready: readonly ReadySequence[],
  batchSize: number,
  turns: Turns = firstTurns,
  options: NextBatchOptions = {},
): NextBatch {
  checkOptions(options, optionChecks, 'nextBatch options');
  check.integer(1, 2 ** 16)(batchSize, 'batchSize');
  if (ready.length <= batchSize) return { ids: idsOf(ready), turns: firstTurns, regrouped: false };

  const { first, rivals } = byRights(ready, batchSize);
  const places = batchSize - first.length;
  const ids = idsOf(first);
  if (turns.stepsLeft > 0 && turns.batch.length === places && areAmong(rivals, turns.batch)) {
    return {
      ids: [...ids, ...turns.batch],
      turns: { ...turns, stepsLeft: turns.stepsLeft - 1 },
      regrouped: false,
    };
  }
  const unserved = new Set(turns.waiting);
  const isWaiting = ({ id }: ReadySequence) => unserved.has(id);
  const waiting = rivals.some(isWaiting) ? rivals.filter(isWaiting) : rivals;
  const others = rivals.filter((sequence) => !waiting.includes(sequence));
  const endsRound = waiting.length <= places;
  const choice = endsRound
    ? withSomeOf(others, waiting, places, first, options)
    : someOf(waiting, places, first, turns.union, options);
  const batch = idsOf(choice.chosen);
  const served = new Set(batch);
  // Who goes along with the last ones of a round has begun the next one; without such, that begins with the next call.
  const goAlong = new Set(endsRound ? batch.slice(waiting.length) : []);
  const next = endsRound && goAlong.size > 0 ? rivals : [];
  return {
    ids: [...ids, ...batch],
    turns: {
      waiting: endsRound
        ? idsOf(next).filter((id) => !goAlong.has(id))
        : idsOf(waiting).filter((id) => !served.has(id)),
      batch,
      stepsLeft: (options.turnSteps ?? 1) - 1,
      union: choice.union,
    },
    regrouped: choice.regrouped,
  };
}

interface Choice {
  chosen: readonly ReadySequence[];
  regrouped: boolean;
  union?: Uint32Array;
}

/** Those whose priority alone gives them a place, and those who compete for the places that are left, by waiting. */
function byRights(
  ready: readonly ReadySequence[],
  places: number,
): { first: ReadySequence[]; rivals: ReadySequence[] } {
  const priorityOf = ({ priority = 0 }: ReadySequence) => priority;
  const order = [...ready].sort((a, b) => priorityOf(b) - priorityOf(a) || a.lastStep - b.lastStep);
  const last = priorityOf(order[places - 1] as ReadySequence);
  return {
    first: order.filter((sequence) => priorityOf(sequence) > last),
    rivals: order.filter((sequence) => priorityOf(sequence) === last),
  };
}

/** Of those who wait, more than there are places. */
function someOf(
  waiting: readonly ReadySequence[],
  places: number,
  first: readonly ReadySequence[],
  union: Uint32Array | undefined,
  { method = 'exchange', leastGain = defaultLeastGain, resident = union, workspace }: NextBatchOptions,
): Choice {
  const routes = method === 'none' ? undefined : routesOf(waiting, resident);
  if (method === 'none' || !routes) return { chosen: waiting.slice(0, places), regrouped: false };
  const words = routes[0]?.length ?? 0;
  const ofFirst = unionOf(
    first.map(({ route }) => route),
    words,
  );
  const sizes = fullSizes(waiting.length, places);
  const grouping = groupInto(sizes, routes, { method, free: ofFirst, workspace });
  const { activated, activatedInOrder } = grouping;
  const regrouped = activatedInOrder - activated > leastGain * activatedInOrder;
  const batchOf = regrouped ? grouping.batchOf : inOrder(sizes);
  const inMemory = unionOf([ofFirst, resident], words);
  let best: Choice | undefined;
  let least = Number.POSITIVE_INFINITY;
  // The one of who has waited longest first; one that is not full is left for the end of the round.
  for (const batch of new Set(batchOf)) {
    const chosen = waiting.filter((_, i) => batchOf[i] === batch);
    if (chosen.length < places) continue;
    const own = unionOf([ofFirst, ...chosen.map(({ route }) => route)], words);
    const missing = countOutside(own, inMemory);
    if (missing >= least) continue;
    least = missing;
    best = { chosen, regrouped, union: own };
  }
  return best as Choice;
}

/** All who wait, and as many of the others as there are places for. */
function withSomeOf(
  others: readonly ReadySequence[],
  waiting: readonly ReadySequence[],
  places: number,
  first: readonly ReadySequence[],
  { method = 'exchange', leastGain = defaultLeastGain }: NextBatchOptions,
): Choice {
  const longest = [...waiting, ...others.slice(0, places - waiting.length)];
  const routes = routesOf([...waiting, ...others]);
  if (method === 'none' || !routes) return { chosen: longest, regrouped: false };
  const unionWithFirst = (some: readonly ReadySequence[]) =>
    unionOf(
      [...first, ...some].map(({ route }) => route),
      routes[0]?.length ?? 0,
    );
  const chosen = [...waiting];
  addLeastGrowing(chosen, others, places, unionWithFirst(waiting));
  const [union, own] = [unionWithFirst(longest), unionWithFirst(chosen)];
  const before = countSet(union);
  return before - countSet(own) > leastGain * before
    ? { chosen, regrouped: true, union: own }
    : { chosen: longest, regrouped: false, union };
}

/** Adds those with whom the batch grows least until it is full; of equals, who has waited longest. */
function addLeastGrowing(
  chosen: ReadySequence[],
  candidates: readonly ReadySequence[],
  places: number,
  union: Uint32Array,
): void {
  const left = [...candidates];
  while (chosen.length < places && left.length > 0) {
    let [best, least] = [0, Number.POSITIVE_INFINITY];
    left.forEach(({ route }, i) => {
      const growth = route ? countOutside(route, union) : 0;
      if (growth < least) [best, least] = [i, growth];
    });
    const [next] = left.splice(best, 1) as [ReadySequence];
    if (next.route) addSet(union, next.route);
    chosen.push(next);
  }
}

/** Unknown ones are empty; undefined if none is known. */
function routesOf(sequences: readonly ReadySequence[], resident?: Uint32Array): Uint32Array[] | undefined {
  const known = sequences.find(({ route }) => route)?.route;
  if (!known) return undefined;
  const unknown = new Uint32Array(known.length);
  const routes = sequences.map(({ route = unknown }) => route);
  checkRoutes(routes, undefined, (i) => `the route of sequence ${sequences[i]?.id}`);
  if (resident && resident.length !== known.length) {
    throw new InvalidArgumentError(
      `resident has ${resident.length} words and routes have ${known.length}; sets of one model have the same number`,
    );
  }
  return routes;
}

function areAmong(rivals: readonly ReadySequence[], ids: readonly number[]): boolean {
  const known = new Set(idsOf(rivals));
  return ids.every((id) => known.has(id));
}

function idsOf(sequences: readonly ReadySequence[]): number[] {
  return sequences.map(({ id }) => id);
}
