/**
 * The clustering of ExpertFlow (arXiv 2410.17954, section "Token scheduler"): balanced clusters about medoids, by the Hamming
 * similarity of routes. The paper has two clusters; for more, what exceeds a cluster's size moves on as in the text below.
 */

import { hammingDistance } from './expert-sets.js';

const mostRounds = 30;

/**
 * First medoids are the two routes farthest from each other, then always the one farthest from those there are. Each
 * sequence goes to the nearest medoid; a cluster that gets too many gives those up that are least like its medoid, in
 * comparison with the others. A cluster's medoid becomes the member that is most like all members. Ends when nothing changes, or after
 * 30 rounds. Of equals the first is taken.
 *
 * @param sizes   of the clusters; their sum is the number of routes
 * @param batchOf [sequences] where the answer goes
 */
export function clusterByMedoids(
  routes: readonly Uint32Array[],
  sizes: ArrayLike<number>,
  batchOf: Int32Array,
  free?: Uint32Array,
): void {
  const distances = distancesOf(routes, free);
  const sequences = routes.length;
  let medoids = firstMedoids(distances, sequences, sizes.length);
  const before = new Int32Array(sequences);
  batchOf.fill(-1, 0, sequences);
  for (let round = 0; round < mostRounds; round++) {
    before.set(batchOf.subarray(0, sequences));
    assign(distances, medoids, sizes, batchOf, sequences);
    if (before.every((batch, sequence) => batch === batchOf[sequence])) return;
    medoids = medoids.map((_, batch) => medoidOf(distances, batchOf, batch, sequences));
  }
}

/** [sequences][sequences] */
function distancesOf(routes: readonly Uint32Array[], free: Uint32Array | undefined): Int32Array {
  const costly = free ? routes.map((route) => route.map((word, at) => word & ~(free[at] as number))) : routes;
  const distances = new Int32Array(routes.length ** 2);
  costly.forEach((a, i) => {
    for (let j = i + 1; j < costly.length; j++) {
      const distance = hammingDistance(a, costly[j] as Uint32Array);
      distances[i * costly.length + j] = distance;
      distances[j * costly.length + i] = distance;
    }
  });
  return distances;
}

function firstMedoids(distances: Int32Array, sequences: number, count: number): number[] {
  let farthest = 0;
  distances.forEach((distance, pair) => {
    if (distance > (distances[farthest] as number)) farthest = pair;
  });
  const medoids = [Math.floor(farthest / sequences), farthest % sequences].slice(0, count);
  // All alike: the first two.
  if (count > 1 && medoids[0] === medoids[1]) medoids[1] = 1;
  while (medoids.length < count) {
    const nearest = Array.from({ length: sequences }, (_, i) =>
      medoids.includes(i) ? -1 : Math.min(...medoids.map((m) => distances[i * sequences + m] as number)),
    );
    medoids.push(nearest.indexOf(Math.max(...nearest)));
  }
  return medoids;
}

function assign(
  distances: Int32Array,
  medoids: readonly number[],
  sizes: ArrayLike<number>,
  batchOf: Int32Array,
  sequences: number,
): void {
  const distance = (sequence: number, batch: number) =>
    distances[sequence * sequences + (medoids[batch] as number)] as number;
  let open = medoids.map((_, batch) => batch);
  let left = Array.from({ length: sequences }, (_, sequence) => sequence);
  while (open.length > 1) {
    const nearest = (sequence: number) =>
      open.reduce((best, batch) => (distance(sequence, batch) < distance(sequence, best) ? batch : best));
    const others = (sequence: number, batch: number) =>
      Math.min(...open.filter((other) => other !== batch).map((other) => distance(sequence, other)));
    // A cluster that too many wish for takes those that gain most by it, and is closed. Of the last two the first one takes
    // its number of all that are left, whatever they wish, and the other one the rest.
    const wished = left.map(nearest);
    const isFull = (batch: number) => wished.filter((one) => one === batch).length >= (sizes[batch] as number);
    const full = (open.length === 2 ? open[0] : open.find(isFull)) as number;
    const rank = left
      .map((sequence) => ({ sequence, nearer: distance(sequence, full) - others(sequence, full) }))
      .sort((a, b) => a.nearer - b.nearer);
    const taken = new Set(rank.slice(0, sizes[full] as number).map(({ sequence }) => sequence));
    for (const sequence of taken) batchOf[sequence] = full;
    left = left.filter((sequence) => !taken.has(sequence));
    open = open.filter((batch) => batch !== full);
  }
  for (const sequence of left) batchOf[sequence] = open[0] as number;
}

function medoidOf(distances: Int32Array, batchOf: Int32Array, batch: number, sequences: number): number {
  let [best, bestSum] = [-1, Number.POSITIVE_INFINITY];
  for (let i = 0; i < sequences; i++) {
    if (batchOf[i] !== batch) continue;
    let sum = 0;
    for (let j = 0; j < sequences; j++) if (batchOf[j] === batch) sum += distances[i * sequences + j] as number;
    if (sum < bestSum) [best, bestSum] = [i, sum];
  }
  return best;
}
