/** Sets of experts for tests, and what groupings cost, counted in the plainest way there is. */

import fc from 'fast-check';
import { routeSet } from '../../lib/index.js';
import { randomNumbers, randomRoutes, type Shape } from '../cache-sim/made-up-traces.js';

/** Sets of one layer's experts. */
export function setsOf(experts: number, ...routes: number[][]): Uint32Array[] {
  return routes.map((route) => routeSet(route, { layers: 1, experts, k: route.length || 1 }));
}

/** Experts of a set, by number. */
export function membersOf(set: Uint32Array): number[] {
  return Array.from({ length: 32 * set.length }, (_, i) => i).filter(
    (i) => ((set[i >>> 5] as number) >>> (i % 32)) & 1,
  );
}

/** Experts that groups of sequences activate, each once in a group. */
export function costOf(routes: readonly Uint32Array[], groups: readonly number[][]): number {
  return groups
    .map((group) => new Set(group.flatMap((sequence) => membersOf(routes[sequence] as Uint32Array))).size)
    .reduce((a, b) => a + b, 0);
}

export function groupsOf(batchOf: Int32Array): number[][] {
  const groups: number[][] = [];
  batchOf.forEach((batch, sequence) => {
    (groups[batch] ??= []).push(sequence);
  });
  return groups;
}

/** The least of all groupings into groups of these sizes, by trying each one. */
export function leastByTrying(routes: readonly Uint32Array[], sizes: readonly number[]): number {
  const groups: number[][] = sizes.map(() => []);
  const place = (sequence: number): number => {
    if (sequence === routes.length) return costOf(routes, groups);
    const costs = groups.map((group, i) => {
      if (group.length === sizes[i]) return Number.POSITIVE_INFINITY;
      group.push(sequence);
      const cost = place(sequence + 1);
      group.pop();
      return cost;
    });
    return Math.min(...costs);
  };
  return place(0);
}

/** Sequences of `subjects` subjects in turn; a subject has a quarter of each layer's experts, which most of its tokens use. */
export function routesOfSubjects(shape: Shape, sequences: number, subjects: number, seed: number): Uint32Array[] {
  const random = randomNumbers(seed);
  const favourites = Array.from({ length: subjects }, () =>
    randomRoutes({ ...shape, k: Math.ceil(shape.experts / 4) }, 1, random),
  );
  const perLayer = Math.ceil(shape.experts / 4);
  return Array.from({ length: sequences }, (_, sequence) => {
    const mine = favourites[sequence % subjects] as Int32Array;
    const route = Array.from({ length: shape.layers }, (_, layer) => {
      const chosen = new Set<number>();
      while (chosen.size < shape.k) {
        const favourite = mine[layer * perLayer + Math.floor(random() * perLayer)] as number;
        chosen.add(random() < 0.8 ? favourite : Math.floor(random() * shape.experts));
      }
      return [...chosen];
    });
    return routeSet(route.flat(), shape);
  });
}

/** Sets of one number of words, some of them alike. */
export const someRoutes = fc
  .record({ words: fc.integer({ min: 1, max: 3 }), sequences: fc.integer({ min: 1, max: 9 }) })
  .chain(({ words, sequences }) =>
    fc.array(
      fc.array(fc.oneof(fc.constant(0), fc.constant(7), fc.integer({ min: 0, max: 2 ** 32 - 1 })), {
        minLength: words,
        maxLength: words,
      }),
      { minLength: sequences, maxLength: sequences },
    ),
  )
  .map((lists) => lists.map((list) => Uint32Array.from(list)));
