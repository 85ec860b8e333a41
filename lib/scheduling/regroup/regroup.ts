/** Dividing sequences into batches, so that the tokens of a batch share experts. */

import { InvalidArgumentError } from '../../errors.js';
import { check, checkOptions } from '../../options.js';
import { cluster, findCommon } from './clusters.js';
import { activatedExperts } from './expert-sets.js';
import { clusterByMedoids } from './medoids.js';
import { put } from './moves.js';
import { evenSizes, inOrder } from './sizes.js';
import { exchange } from './swaps.js';
import { RegroupWorkspace } from './workspace.js';

/**
 * `exchange`: balanced clusters by the experts that sequences have in common, the rarer the more, then pairs change places as
 * long as fewer experts are activated. `medoids`: ExpertFlow's balanced clustering by Hamming similarity.
 */
export const regroupMethods = ['exchange', 'medoids'] as const;
export type RegroupMethod = (typeof regroupMethods)[number];

export interface RegroupOptions {
  /** Default `exchange`. */
  method?: RegroupMethod;
  /** Experts that cost nothing, as they are in memory anyway: a set as the routes are. Default: none. */
  free?: Uint32Array;
  /** To be used again by the next call, so that nothing has to be allocated. Default: one for this call. */
  workspace?: RegroupWorkspace;
}

export interface Regrouping {
  /** [sequences] the batch of each, from 0 on. */
  batchOf: Int32Array;
  batches: number;
  /** Experts that the batches activate, each once per batch; of those that are not free. */
  activated: number;
  /** What batches of the same sizes would activate, filled in the order of the routes. */
  activatedInOrder: number;
}

export const regroupChecks = {
  method: check.oneOf(...regroupMethods),
  free: (value: unknown, name: string) => {
    if (!(value instanceof Uint32Array)) throw new InvalidArgumentError(`${name} must be a Uint32Array`);
  },
  workspace: (value: unknown, name: string) => {
    if (!(value instanceof RegroupWorkspace)) throw new InvalidArgumentError(`${name} must be a RegroupWorkspace`);
  },
};

/**
 * Divides sequences into as few batches of at most `batchSize` as there can be, of sizes that differ by one at most, such that
 * the batches activate few experts: the sum over batches, layers and experts of those that any member uses. The token scheduler of
 * ExpertFlow (arXiv 2410.17954) for any number of batches; it computes nothing and changes no token. The same routes always
 * give the same answer, which never activates more than the order at hand.
 *
 * Takes less than a millisecond for 64 sequences of a model of 48 layers with 128 experts, 8 of them per token.
 *
 * @param routes [sequences] sets of the experts that each one's next token will use, or is predicted to: bit l * experts + e
 *   of a set, from bit 0 of word 0 on, is expert e of layer l; all sets have the same number of words
 * @throws InvalidArgumentError naming what is wrong
 */
export function regroup(routes: readonly Uint32Array[], batchSize: number, options: RegroupOptions = {}): Regrouping {
  checkOptions(options, regroupChecks, 'regroup options');
  check.integer(1, 2 ** 16)(batchSize, 'batchSize');
  checkRoutes(routes, options.free);
  return groupInto(evenSizes(routes.length, batchSize), routes, options);
}

/** The same for sizes that are given. Their sum is the number of routes, of which there may be none. */
export function groupInto(
  sizes: readonly number[],
  routes: readonly Uint32Array[],
  { method = 'exchange', free, workspace = new RegroupWorkspace() }: RegroupOptions = {},
): Regrouping {
  const order = inOrder(sizes);
  const batches = sizes.length;
  const unions = workspace.unionsOf(batches, routes[0]?.length ?? 0);
  const activatedInOrder = activatedExperts(routes, order, batches, free, unions);
  let batchOf = order;
  if (batches > 1) {
    batchOf = new Int32Array(routes.length);
    if (method === 'medoids') clusterByMedoids(routes, sizes, batchOf, free);
    else {
      workspace.read(routes, batches, free);
      clusterAndExchange(workspace, routes, sizes, batchOf);
    }
  }
  const activated = batches > 1 ? activatedExperts(routes, batchOf, batches, free, unions) : activatedInOrder;
  const better = activated < activatedInOrder;
  return {
    batchOf: better ? batchOf : order,
    batches,
    activated: better ? activated : activatedInOrder,
    activatedInOrder,
  };
}

/** Clusters, and then exchanges by what is really activated, as many as there is time for. */
function clusterAndExchange(
  workspace: RegroupWorkspace,
  routes: readonly Uint32Array[],
  sizes: readonly number[],
  batchOf: Int32Array,
): void {
  findCommon(workspace, routes[0]?.length ?? 0);
  cluster(workspace, sizes);
  batchOf.set(workspace.batchOf.subarray(0, routes.length));
  const uses = workspace.useEnd[routes.length] as number;
  const exchanges = Math.min(routes.length, Math.floor(mostUsesExchanged / (uses || 1)));
  if (exchanges < 2) return;
  const starts = routes.length <= fewSequences ? [batchOf.slice(), inOrder(sizes)] : [batchOf.slice()];
  let least = Number.POSITIVE_INFINITY;
  for (const start of starts) {
    workspace.empty(sizes);
    start.forEach((batch, sequence) => {
      put(workspace, sequence, batch);
    });
    exchange(workspace, exchanges);
    if (workspace.activated >= least) continue;
    least = workspace.activated;
    batchOf.set(workspace.batchOf.subarray(0, routes.length));
  }
}

/** Times exchanges: an exchange takes the longer, the more uses of experts there are, and all together a few tenths of a millisecond. */
const mostUsesExchanged = 16_000;

/** So few that there is time for a second start, from the order at hand. */
const fewSequences = 16;

/** @throws InvalidArgumentError; `nameOf` says how a set is called there */
export function checkRoutes(
  routes: readonly Uint32Array[],
  free?: Uint32Array,
  nameOf: (sequence: number) => string = (sequence) => `routes[${sequence}]`,
): void {
  if (!Array.isArray(routes)) {
    throw new InvalidArgumentError('routes must be an array of Uint32Arrays, a set of experts for each sequence');
  }
  if (routes.length > 2 ** 15) throw new InvalidArgumentError(`routes: ${routes.length} sequences; 32768 are the most`);
  const words = routes[0]?.length ?? 0;
  routes.forEach((route, i) => {
    if (!(route instanceof Uint32Array)) {
      throw new InvalidArgumentError(`${nameOf(i)} must be a Uint32Array, a bit for each expert of each layer`);
    }
    if (route.length === words) return;
    throw new InvalidArgumentError(
      `${nameOf(i)} has ${route.length} words and ${nameOf(0)} has ${words}; sets of one model have the same number`,
    );
  });
  if (free && routes.length > 0 && free.length !== words) {
    throw new InvalidArgumentError(
      `free has ${free.length} words and ${nameOf(0)} has ${words}; sets of one model have the same number`,
    );
  }
}
