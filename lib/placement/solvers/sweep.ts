/**
 * Search without limits of size. From many starts layers are settled (settle.ts); the best results are kept, and new ones are
 * made of them: parts of two put together (splice.ts), or one shaken in a few layers, and settled again. A memetic
 * algorithm, whose local search solves a transportation problem exactly per layer.
 */

import { breather } from '../../breather.js';
import { below, uniforms } from '../../random.js';
import { costOf, violation } from '../cost.js';
import type { Assignment, Problem } from '../problem.js';
import { settleOnce, type Workspace, workspaceOf } from './settle.js';
import type { Solution, SolverSettings } from './solver.js';
import { splice } from './splice.js';
import { greedyStart, randomStart, shake } from './starts.js';
import { leastSaving } from './swaps.js';

/** Populations that know nothing of each other, so that the search does not end in the first one's corner. */
const islands = 4;
/** Random and greedy starts of each. */
const firstStarts = 24;
const kept = 16;
/** Rounds without a better result, after which an island has ended, and the population of the best of all. */
function patienceOf({ layers, copies }: Problem): { island: number; all: number } {
  const places = layers * copies;
  return { island: Math.min(500, 5 * places), all: Math.min(2000, 15 * places) };
}

interface Member {
  assignment: Assignment;
  cost: number;
}

/** `open`: [layers] 1 where a layer may be improvable. */
interface Candidate {
  assignment: Assignment;
  open: Uint8Array;
}

interface Search extends SolverSettings {
  problem: Problem;
  random: () => number;
  workspace: Workspace;
  pause: () => Promise<void>;
  seconds: () => number;
  /** Of the best of all populations. */
  best: number;
}

export async function sweep(problem: Problem, settings: SolverSettings): Promise<Solution> {
  settings.signal?.throwIfAborted();
  const began = performance.now();
  const search: Search = {
    ...settings,
    problem,
    random: uniforms(settings.seed),
    workspace: workspaceOf(problem),
    pause: breather(settings.signal),
    seconds: () => (performance.now() - began) / 1000,
    best: Infinity,
  };
  // Starts that there is no time for count as they are: the result is not worse than any of them.
  let members = settings.starts.reduce<Member[]>(
    (all, start) => withMember(all, { assignment: start, cost: costOf(problem, start) }),
    [],
  );
  const patience = patienceOf(problem);
  let inTime = true;
  for (let island = 0; island < islands && inTime; island++) {
    const found = await evolve(search, [], island === 0 ? settings.starts : [], firstStarts, patience.island);
    members = found.members.slice(0, kept / 2).reduce(withMember, members);
    inTime = found.inTime;
  }
  if (inTime) ({ members, inTime } = await evolve(search, members, [], 0, patience.all));
  const { assignment, cost } = members[0] as Member;
  return { assignment, cost, status: inTime ? 'settled' : 'time limit', seconds: search.seconds() };
}

/** Settles the given starts, then `own` ones of its own, then children, until there has been nothing better for a while. */
async function evolve(
  search: Search,
  members: Member[],
  starts: readonly Assignment[],
  own: number,
  patience: number,
): Promise<{ members: Member[]; inTime: boolean }> {
  const { problem } = search;
  const first = starts.length + own;
  for (let round = 0, since = 0; since < patience; round++, since++) {
    const candidate = round < first ? startOf(search, starts, round) : childOf(search, members);
    const inTime = await settle(search, candidate);
    const cost = costOf(problem, candidate.assignment);
    if (cost < (members[0]?.cost ?? Infinity) - leastSaving) since = 0;
    members = withMember(members, { assignment: candidate.assignment, cost });
    if (cost < search.best - leastSaving) {
      search.best = cost;
      search.onProgress?.({ cost, seconds: search.seconds() });
    }
    if (!inTime) return { members, inTime };
  }
  return { members, inTime: true };
}

function startOf({ problem, starts: given, random }: Search, starts: readonly Assignment[], round: number): Candidate {
  const start = starts[round]?.slice();
  const make = round % 2 === 0 ? greedyStart : randomStart;
  return {
    assignment: start ?? make(problem, given[0] as Assignment, random),
    open: new Uint8Array(problem.layers).fill(1),
  };
}

/** Parts of two members, or one that was shaken. */
function childOf({ problem, random }: Search, members: readonly Member[]): Candidate {
  const one = pick(members, random);
  if (problem.layers > 1 && random() < 0.5) {
    const child = crossing(problem, one, pick(members, random), random);
    if (!('bytes' in problem.room) || violation(problem, child.assignment) === undefined) return child;
  }
  const assignment = one.slice();
  const open = new Uint8Array(problem.layers);
  // Neighbours of shaken layers are as good as they can be beside the layers as they were; they open when those change.
  open.fill(1, ...shake(problem, assignment, random));
  return { assignment, open };
}

/** The first layers of one and the last of another; half of the time with the last layers of the first one after that. */
function crossing(problem: Problem, one: Assignment, other: Assignment, random: () => number): Candidate {
  const { layers } = problem;
  const open = new Uint8Array(layers);
  const join = (first: Assignment, second: Assignment, cut: number) => {
    open.fill(1, cut - 1, cut + 1);
    return splice(problem, first, second, cut);
  };
  const cut = 1 + below(layers - 1, random);
  const child = join(one, other, cut);
  const rest = layers - 1 - cut;
  const assignment = rest > 0 && random() < 0.5 ? join(child, one, cut + 1 + below(rest, random)) : child;
  return { assignment, open };
}

function pick(members: readonly Member[], random: () => number): Assignment {
  return (members[below(members.length, random)] as Member).assignment;
}

/** The best ones, without those that cost the same: they are mostly the same with other numbers for the GPUs. */
function withMember(members: readonly Member[], member: Member): Member[] {
  if (members.some(({ cost }) => Math.abs(cost - member.cost) < leastSaving)) return [...members];
  return [...members, member].sort((a, b) => a.cost - b.cost).slice(0, kept);
}

/** Returns whether there was time to settle. */
async function settle(search: Search, { assignment, open }: Candidate): Promise<boolean> {
  const { problem, workspace, pause, seconds, timeLimit } = search;
  for (let more = true; more; ) {
    more = settleOnce(problem, assignment, open, workspace);
    await pause();
    if (seconds() >= timeLimit) return false;
  }
  return true;
}
