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
  const { sequences, batchOf } = workspace;
  best.change = 0;
  let least = 0;
  let [likelyA, likelyB] = [-1, -1];
  for (let a = 0; a < sequences; a++) {
    for (let b = a + 1; b < sequences; b++) {
      if (batchOf[a] === batchOf[b]) continue;
      const bound = leastChange(workspace, a, b);
      if (bound >= least) continue;
      least = bound;
      likelyA = a;
      likelyB = b;
    }
  }
  if (likelyA < 0) return;
  consider(workspace, likelyA, likelyB, best);
  for (let a = 0; a < sequences; a++) {
    for (let b = a + 1; b < sequences; b++) {
      if (batchOf[a] !== batchOf[b] && leastChange(workspace, a, b) <= best.change) consider(workspace, a, b, best);
    }
  }
}

/**
 * By how much the exchange of two sequences of different batches changes what is activated, if no expert that both use is
 * used by one of them alone in its batch; else it is more, by {@link keptByBoth}. So it is a bound from below.
 */
function leastChange({ growth, alone, sequences, batchOf }: RegroupWorkspace, a: number, b: number): number {
  return (
    (growth[(batchOf[b] as number) * sequences + a] as number) +
    (growth[(batchOf[a] as number) * sequences + b] as number) -
    (alone[a] as number) -
    (alone[b] as number)
  );
}

function consider(workspace: RegroupWorkspace, a: number, b: number, best: Best): void {
  const bound = leastChange(workspace, a, b);
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
