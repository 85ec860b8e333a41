/**
 * Balanced clusters of sequences that have much in common. A first answer, as it looks at pairs only and not at what batches really
 * activate; but that is fast.
 */

import type { RegroupWorkspace } from './workspace.js';

/** Sums of whole numbers do not depend on their order. */
const unit = 4096;

/** By the number of sequences that use an expert: what it is worth as something in common, in units of 1 / 4096. */
export function worthByUsers(sequences: number): Int32Array {
  return Int32Array.from({ length: sequences + 1 }, (_, users) =>
    users < 2 || 2 * users > Math.max(sequences, 4) ? 0 : Math.round(unit * users ** -1.5),
  );
}

/**
 * Fills `workspace.common`, [sequences][sequences]: what two sequences have in common, the sum of u^-1.5 over the experts that both
 * use, if u sequences use the expert, and none for those that more than half of the sequences use. The more use an
 * expert, the more batches will have it anyway, and the less it says about who belongs together: with the same weight for all, which would be the
 * Hamming distance, or with 1 / u, groupings came out worse.
 */
export function findCommon(workspace: RegroupWorkspace, words: number): void {
  const { sequences, setWords, users, shared, common, list, worth } = workspace;
  common.fill(0, 0, sequences * sequences);
  for (let word = 0; word < words; word++) {
    const last = (word << 5) + 31;
    for (let bits = shared[word] as number; bits !== 0; bits &= bits - 1) {
      const first = (last - Math.clz32(bits & -bits)) * setWords;
      let count = 0;
      for (let at = 0; at < setWords; at++) {
        for (let set = users[first + at] as number; set !== 0; set &= set - 1) {
          list[count++] = (at << 5) + 31 - Math.clz32(set & -set);
        }
      }
      const value = worth[count] as number;
      if (value === 0) continue;
      for (let i = 0; i < count; i++) {
        const row = (list[i] as number) * sequences;
        for (let j = i + 1; j < count; j++) {
          const pair = row + (list[j] as number);
          common[pair] = (common[pair] as number) + value;
        }
      }
    }
  }
  for (let a = 0; a < sequences; a++) {
    for (let b = a + 1; b < sequences; b++) common[b * sequences + a] = common[a * sequences + b] as number;
  }
}

/**
 * Divides the sequences by what they have in common: first each batch gets one, as different as possible, then again and again the one that would
 * lose most by another batch than its best one goes there. After that pairs change places, the best first, as long as
 * members have more in common (Kernighan and Lin, "An efficient heuristic procedure for partitioning graphs", 1970, one exchange
 * at a time). Of equals the first is taken.
 */
export function cluster(workspace: RegroupWorkspace, sizes: ArrayLike<number>): void {
  const { sequences, batches, batchOf, room, ties } = workspace;
  batchOf.fill(-1, 0, sequences);
  ties.fill(0, 0, batches * sequences);
  for (let batch = 0; batch < batches; batch++) room[batch] = sizes[batch] as number;
  for (let batch = 0; batch < batches; batch++)
    join(workspace, batch === 0 ? 0 : mostDifferent(workspace, batch), batch);
  for (let left = sequences - batches; left > 0; left--) joinMostUrgent(workspace, sizes);
  for (let most = 4 * sequences; most > 0 && exchangeBest(workspace); most--);
}

function join({ sequences, batchOf, room, ties, common }: RegroupWorkspace, sequence: number, batch: number): void {
  batchOf[sequence] = batch;
  room[batch] = (room[batch] as number) - 1;
  const from = sequence * sequences;
  const to = batch * sequences;
  for (let other = 0; other < sequences; other++) {
    ties[to + other] = (ties[to + other] as number) + (common[from + other] as number);
  }
}

/** Of those in no batch, the one that has least in common with whichever of the first `begun` batches it has most. */
function mostDifferent({ sequences, batchOf, ties }: RegroupWorkspace, begun: number): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let sequence = 0; sequence < sequences; sequence++) {
    if ((batchOf[sequence] as number) >= 0) continue;
    let most = 0;
    for (let batch = 0; batch < begun; batch++) {
      const tie = ties[batch * sequences + sequence] as number;
      if (tie > most) most = tie;
    }
    if (most < least) {
      least = most;
      best = sequence;
    }
  }
  return best;
}

function joinMostUrgent(workspace: RegroupWorkspace, sizes: ArrayLike<number>): void {
  const { sequences, batches, batchOf, room, ties, share } = workspace;
  // In the mean of the members, as batches grow one after another; a full one is out of the question.
  for (let batch = 0; batch < batches; batch++) {
    const free = room[batch] as number;
    share[batch] = free === 0 ? -1 : 1 / ((sizes[batch] as number) - free);
  }
  let best = -1;
  let to = -1;
  let mostLost = -1;
  for (let sequence = 0; sequence < sequences; sequence++) {
    if ((batchOf[sequence] as number) >= 0) continue;
    let first = -1;
    let second = -1;
    let firstBatch = -1;
    for (let batch = 0, at = sequence; batch < batches; batch++, at += sequences) {
      const part = share[batch] as number;
      if (part < 0) continue;
      const tie = (ties[at] as number) * part;
      if (tie > first) {
        second = first;
        first = tie;
        firstBatch = batch;
      } else if (tie > second) second = tie;
    }
    const lost = second < 0 ? first : first - second;
    if (lost > mostLost) {
      mostLost = lost;
      best = sequence;
      to = firstBatch;
    }
  }
  join(workspace, best, to);
}

/** Whether there was one that helps. */
function exchangeBest({ sequences, batchOf, ties, common }: RegroupWorkspace): boolean {
  let bestA = -1;
  let bestB = -1;
  let most = 0;
  for (let a = 0; a < sequences; a++) {
    const rowOfA = (batchOf[a] as number) * sequences;
    const own = ties[rowOfA + a] as number;
    for (let b = a + 1; b < sequences; b++) {
      const rowOfB = (batchOf[b] as number) * sequences;
      if (rowOfA === rowOfB) continue;
      const gain =
        (ties[rowOfB + a] as number) -
        own +
        (ties[rowOfA + b] as number) -
        (ties[rowOfB + b] as number) -
        2 * (common[a * sequences + b] as number);
      if (gain > most) {
        most = gain;
        bestA = a;
        bestB = b;
      }
    }
  }
  if (bestA < 0) return false;
  const [batchOfA, batchOfB] = [batchOf[bestA] as number, batchOf[bestB] as number];
  batchOf[bestA] = batchOfB;
  batchOf[bestB] = batchOfA;
  for (let other = 0; other < sequences; other++) {
    const more = (common[bestB * sequences + other] as number) - (common[bestA * sequences + other] as number);
    ties[batchOfA * sequences + other] = (ties[batchOfA * sequences + other] as number) + more;
    ties[batchOfB * sequences + other] = (ties[batchOfB * sequences + other] as number) - more;
  }
  return true;
}
