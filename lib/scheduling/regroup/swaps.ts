/** Exchanges of two sequences, as long as one helps. */

import { keptByBoth, put, take } from './moves.js';
import type { RegroupWorkspace } from './workspace.js';

/** The best exchange so far. */
interface Best {
  change: number;
  a: number;
  b: number;
}

/**
 * Makes the exchange that saves most, the first of equal ones, again and again until none saves anything or `most` have been
 * made. Only pairs whose bound is no worse than the best so far are looked at closely, the one with the best bound first.
 */
export function exchange(workspace: RegroupWorkspace, most: number): void {
  const best: Best = { change: 0, a: -1, b: -1 };
  for (let made = 0; made < most; made++) {
    findBest(workspace, best);
    if (best.change === 0) return;
    swap(workspace, best.a, best.b);
  }
}

function findBest(workspace: RegroupWorkspace, best: Best): void {
  const { sequences, batchOf, growth, alone } = workspace;
  let [bestBound, first, second] = [0, -1, -1];
  for (let a = 0; a < sequences; a++) {
    const batchOfA = batchOf[a] as number;
    const row = batchOfA * sequences;
    const aloneA = alone[a] as number;
    for (let b = a + 1; b < sequences; b++) {
      const batchOfB = batchOf[b] as number;
      if (batchOfB === batchOfA) continue;
      const bound =
        (growth[batchOfB * sequences + a] as number) + (growth[row + b] as number) - aloneA - (alone[b] as number);
      if (bound < bestBound) {
        bestBound = bound;
        first = a;
        second = b;
      }
    }
  }
  best.change = 0;
  if (bestBound === 0) return;
  consider(workspace, first, second, bestBound, best);
  for (let a = 0; a < sequences; a++) {
    const batchOfA = batchOf[a] as number;
    const row = batchOfA * sequences;
    const aloneA = alone[a] as number;
    for (let b = a + 1; b < sequences; b++) {
      const batchOfB = batchOf[b] as number;
      if (batchOfB === batchOfA) continue;
      const bound =
        (growth[batchOfB * sequences + a] as number) + (growth[row + b] as number) - aloneA - (alone[b] as number);
      if (bound <= best.change) consider(workspace, a, b, bound, best);
    }
  }
}

function consider(workspace: RegroupWorkspace, a: number, b: number, bound: number, best: Best): void {
  const isEarlier = a < best.a || (a === best.a && b < best.b);
  if (bound === best.change && !isEarlier) return;
  const change = bound + keptByBoth(workspace, a, b);
  if (change > best.change || change === 0 || (change === best.change && !isEarlier)) return;
  best.change = change;
  best.a = a;
  best.b = b;
}

function swap(workspace: RegroupWorkspace, a: number, b: number): void {
  const batchOfA = workspace.batchOf[a] as number;
  const batchOfB = workspace.batchOf[b] as number;
  take(workspace, a);
  take(workspace, b);
  put(workspace, a, batchOfB);
  put(workspace, b, batchOfA);
}
