/**
 * Copies to GPUs with the highest sum of gains, exactly: a transportation problem whose solution is whole numbers.
 *
 * Successive shortest paths. Each copy begins where it gains the most; then copies move along the cheapest chain of GPUs
 * from one that is too full to one with room, until none is too full. The graph has GPUs alone for vertices: from one to another
 * leads the cheapest move of any copy there. Dijkstra's algorithm on lengths that potentials keep from being negative
 * (Edmonds and Karp 1972).
 */

export interface Transport {
  gpus: number;
  /** [copies] of which expert; copies of one expert follow each other, and never are on one GPU. */
  expertOf: Int32Array;
  /** [copies][gpus] */
  gains: Float64Array;
  /** [gpus] the most copies on each; there must be room for all. */
  room: Int32Array;
}

/** Writes the GPU of each copy to `result`. */
export function transport(problem: Transport, result: Int32Array): void {
  const { gpus, room } = problem;
  const moves = startMoves(problem, result);
  const potential = new Float64Array(gpus);
  const distance = new Float64Array(gpus);
  const before = new Int32Array(gpus);
  const done = new Uint8Array(gpus);
  for (;;) {
    const end = shortestPath(moves, room, potential, distance, before, done);
    if (end === undefined) return;
    if (end < 0) throw new Error('there is not room for all copies');
    const length = distance[end] as number;
    for (let gpu = 0; gpu < gpus; gpu++) {
      potential[gpu] = (potential[gpu] as number) + Math.min(distance[gpu] as number, length);
    }
    moveAlong(moves, before, end);
  }
}

/** The assignment so far, and the cheapest move between each two GPUs. */
interface Moves extends Transport {
  result: Int32Array;
  /** [gpus] copies there. */
  counts: Int32Array;
  /** [gpus][gpus] what the cheapest move loses, and which copy it moves. */
  loss: Float64Array;
  mover: Int32Array;
  /** [experts][gpus] 1 if the expert is there; undefined if none has several copies. */
  present?: Uint8Array;
}

function startMoves(problem: Transport, result: Int32Array): Moves {
  const { gpus, expertOf, gains } = problem;
  const copies = expertOf.length;
  const experts = (expertOf[copies - 1] ?? -1) + 1;
  const present = copies > experts ? new Uint8Array(experts * gpus) : undefined;
  const counts = new Int32Array(gpus);
  for (let copy = 0; copy < copies; copy++) {
    const row = (expertOf[copy] as number) * gpus;
    let best = -1;
    for (let gpu = 0; gpu < gpus; gpu++) {
      if (present && present[row + gpu] === 1) continue;
      if (best < 0 || (gains[copy * gpus + gpu] as number) > (gains[copy * gpus + best] as number)) best = gpu;
    }
    result[copy] = best;
    counts[best] = (counts[best] as number) + 1;
    if (present) present[row + best] = 1;
  }
  const moves: Moves = {
    ...problem,
    result,
    counts,
    loss: new Float64Array(gpus * gpus).fill(Infinity),
    mover: new Int32Array(gpus * gpus),
    present,
  };
  for (let copy = 0; copy < copies; copy++) offerMoves(moves, copy);
  return moves;
}

/** Lets a copy's moves count, where they are the cheapest. */
function offerMoves({ gpus, expertOf, gains, result, loss, mover, present }: Moves, copy: number): void {
  const from = result[copy] as number;
  const gain = gains[copy * gpus + from] as number;
  const row = (expertOf[copy] as number) * gpus;
  for (let to = 0; to < gpus; to++) {
    const lost = gain - (gains[copy * gpus + to] as number);
    const edge = from * gpus + to;
    if (lost < (loss[edge] as number) && !(present && present[row + to] === 1)) {
      loss[edge] = lost;
      mover[edge] = copy;
    }
  }
}

/** The nearest GPU with room from any that is too full; undefined if none is, -1 if none has room. */
function shortestPath(
  { gpus, counts, loss }: Moves,
  room: Int32Array,
  potential: Float64Array,
  distance: Float64Array,
  before: Int32Array,
  done: Uint8Array,
): number | undefined {
  let full = false;
  done.fill(0);
  for (let gpu = 0; gpu < gpus; gpu++) {
    const isFull = (counts[gpu] as number) > (room[gpu] as number);
    distance[gpu] = isFull ? 0 : Infinity;
    before[gpu] = -1;
    full ||= isFull;
  }
  if (!full) return undefined;
  for (;;) {
    let nearest = -1;
    for (let gpu = 0; gpu < gpus; gpu++) {
      if (done[gpu] === 1 || distance[gpu] === Infinity) continue;
      if (nearest < 0 || (distance[gpu] as number) < (distance[nearest] as number)) nearest = gpu;
    }
    if (nearest < 0) return -1;
    if ((counts[nearest] as number) < (room[nearest] as number)) return nearest;
    done[nearest] = 1;
    const base = (distance[nearest] as number) + (potential[nearest] as number);
    for (let gpu = 0; gpu < gpus; gpu++) {
      if (done[gpu] === 1) continue;
      const length = base + (loss[nearest * gpus + gpu] as number) - (potential[gpu] as number);
      if (length < (distance[gpu] as number)) {
        distance[gpu] = length;
        before[gpu] = nearest;
      }
    }
  }
}

function moveAlong(moves: Moves, before: Int32Array, end: number): void {
  const { gpus, expertOf, result, counts, loss, mover, present } = moves;
  counts[end] = (counts[end] as number) + 1;
  const touched = [end];
  for (let to = end; ; ) {
    const from = before[to] as number;
    if (from < 0) {
      counts[to] = (counts[to] as number) - 1;
      break;
    }
    const copy = mover[from * gpus + to] as number;
    result[copy] = to;
    if (present) {
      present[(expertOf[copy] as number) * gpus + from] = 0;
      present[(expertOf[copy] as number) * gpus + to] = 1;
    }
    touched.push(from);
    to = from;
  }
  // With several copies of an expert, a move changes what the others may do, wherever they are.
  const all = present !== undefined;
  if (all) loss.fill(Infinity);
  else for (const gpu of touched) loss.fill(Infinity, gpu * gpus, (gpu + 1) * gpus);
  for (let copy = 0; copy < result.length; copy++) {
    if (all || touched.includes(result[copy] as number)) offerMoves(moves, copy);
  }
}
