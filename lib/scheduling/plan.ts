/** Which sequences go into the next step. Pure, so that it can be tested and simulated without an engine. */

import { promptShares } from './prompt-shares.js';
import { longestSharedPrefix, type ReadTokens } from './shared-prefix.js';

/** What a plan goes by, of a request that is ready to go on. */
export interface Candidate extends ReadTokens {
  /** The number of its last turn, all turns of all requests being counted; -1 before its first. */
  readonly lastTurn: number;
  readonly priority: number;
  /** It needs nothing of the tokens that another sequence has read for it. */
  readonly mayShare: boolean;
  /** Nobody takes what it generates: it does not go on, and gives way to those that wait. */
  readonly stalled: boolean;
}

export interface StepLimits {
  /** Tokens of a step. */
  tokens: number;
  /** Of these, those that prompts may have in a step in which so many sequences generate, and so many are reading their prompts. */
  promptTokens(generating: number, reading: number): number;
  /** Sequences that have begun. */
  sequences: number;
  /** Sequences that generate in one step. */
  sequencesPerStep: number;
  /** Of the key/value cache: blocks that are free, and the tokens of each. */
  freeBlocks: number;
  blockTokens: number;
}

export interface PlannedItem<Request> {
  request: Request;
  /** How many of its tokens, from `request.read` on, the step reads; with `share`, from there on. */
  tokens: number;
  /** It begins with so many tokens of another's. */
  share?: { from: Request; tokens: number };
}

export interface StepPlan<Request> {
  items: PlannedItem<Request>[];
  /** Whether more could have generated than the step takes. */
  chosen?: boolean;
  /** Somebody has to give up his blocks, and read his tokens again later, before there can be a plan. */
  pause?: Request;
}

/**
 * Fills a step. Those that generate come first, so that a long prompt never holds them up; those whose turn is longest
 * ago go first where not all fit. Prompts get the rest, the oldest and the shortest of them. A request begins when
 * there are blocks for the whole of it, and none overtakes another of its priority there.
 *
 * @param begun have a sequence, and with it blocks of the key/value cache; in the order of their rights: by priority, then by
 * arrival
 * @param waiting have none; in the same order
 * @param choose of those that generate, in the same order, whose turn it is, if not all can go into the step
 */
export function planStep<Request extends Candidate>(
  begun: readonly Request[],
  waiting: readonly Request[],
  limits: StepLimits,
  choose: (generating: Request[], most: number) => Request[] = longestWaiting,
): StepPlan<Request> {
  const underWay = begun.filter(({ stalled }) => !stalled);
  const ready = underWay.filter(isGenerating);
  const generating = choose(ready, Math.min(limits.tokens, limits.sequencesPerStep));
  const prompts = underWay.filter((request) => !isGenerating(request));
  const blocks = new Blocks(limits);

  for (const request of generating) blocks.take(request.read, request.read + 1);
  if (blocks.free < 0) return pauseOneOf(begun);
  const beginning = beginnings(begun, waiting, generating.length, limits, blocks);
  if (beginning.held) {
    const stalled = begun.findLast((request) => request.stalled);
    if (stalled) return { items: [], pause: stalled };
  }
  const items = generating.map((request): PlannedItem<Request> => ({ request, tokens: 1 }));
  items.push(
    ...promptItems([...prompts.map((request) => ({ request })), ...beginning.items], items.length, limits, blocks),
  );
  if (items.length === 0 && prompts.length > 0) return pauseOneOf(begun);
  return generating.length < ready.length ? { items, chosen: true } : { items };
}

/** Its next step draws a token. */
export function isGenerating({ tokens, read }: Candidate): boolean {
  return tokens.length - read === 1;
}

/** Those of the highest priority, and among equals those whose last turn is longest ago. */
export function longestWaiting<Request extends Pick<Candidate, 'priority' | 'lastTurn'>>(
  generating: Request[],
  most: number,
): Request[] {
  if (generating.length <= most) return generating;
  return [...generating].sort((a, b) => b.priority - a.priority || a.lastTurn - b.lastTurn).slice(0, most);
}

/** The one with the least right to its place gives way; one alone never has to, as the cache holds a whole context. */
function pauseOneOf<Request extends Candidate>(begun: readonly Request[]): StepPlan<Request> {
  const pause = begun.findLast(({ stalled }) => stalled) ?? begun.at(-1);
  if (pause && begun.length > 1) return { items: [], pause };
  return { items: begun.map((request) => ({ request, tokens: 1 })) };
}

/** Blocks of the key/value cache that are left while a plan is made. */
class Blocks {
  free: number;
  readonly #size: number;

  constructor({ freeBlocks, blockTokens }: StepLimits) {
    this.free = freeBlocks;
    this.#size = blockTokens;
  }

  /** That a sequence needs to grow. */
  needed(from: number, to: number): number {
    return Math.ceil(to / this.#size) - Math.ceil(from / this.#size);
  }

  take(from: number, to: number): void {
    this.free -= this.needed(from, to);
  }

  /** How far a sequence can grow, at most to `to`. */
  reach(from: number, to: number): number {
    return Math.min(to, (Math.ceil(from / this.#size) + Math.max(0, this.free)) * this.#size);
  }
}

interface Beginning<Request> {
  request: Request;
  share?: { from: Request; tokens: number };
}

/** Who begins; `held`: somebody would, if there were more room. */
function beginnings<Request extends Candidate>(
  begun: readonly Request[],
  waiting: readonly Request[],
  generating: number,
  limits: StepLimits,
  blocks: Blocks,
): { items: Beginning<Request>[]; held: boolean } {
  const items: Beginning<Request>[] = [];
  const readers = begun.filter(({ stalled }) => !stalled);
  /** Places of those that wait for what another one is reading. */
  let kept = 0;
  // What is promised to those that have begun: their prompts whole, and room to generate for a while.
  let room = blocks.free - generating;
  for (const request of readers) {
    if (!isGenerating(request)) room -= blocks.needed(request.read, request.tokens.length + 1);
  }
  for (const request of waiting) {
    if (request.stalled) continue;
    if (begun.length + items.length >= limits.sequences) return { items, held: true };
    if (begun.length + items.length + kept >= limits.sequences) break;
    const prefix = request.mayShare ? longestSharedPrefix(request.tokens, readers, limits.blockTokens) : undefined;
    if (prefix && prefix.later > prefix.now && prefix.from.priority >= request.priority) {
      // Another one is about to read what it begins with. Its place is kept, so that no more are compared than can begin.
      kept++;
      continue;
    }
    const share = prefix && prefix.now > 0 ? { from: prefix.from, tokens: prefix.now } : undefined;
    const needed = blocks.needed(share?.tokens ?? 0, request.tokens.length + 1);
    if (needed > room && begun.length + items.length > 0) return { items, held: true };
    room -= needed;
    items.push(share ? { request, share } : { request });
    readers.push(request);
  }
  return { items, held: false };
}

function promptItems<Request extends Candidate>(
  prompts: readonly Beginning<Request>[],
  generating: number,
  limits: StepLimits,
  blocks: Blocks,
): PlannedItem<Request>[] {
  const items: PlannedItem<Request>[] = [];
  let left = limits.tokens - generating;
  if (generating > 0) left = Math.min(left, limits.promptTokens(generating, prompts.length));
  for (const ofOnePriority of byPriority(prompts)) {
    const shares = promptShares(ofOnePriority.map(tokensLeft), left);
    ofOnePriority.forEach(({ request, share }, i) => {
      const start = startOf(request, share);
      const tokens = blocks.reach(start, start + (shares[i] as number)) - start;
      if (tokens <= 0) return;
      blocks.take(start, start + tokens);
      left -= tokens;
      items.push(share ? { request, tokens, share } : { request, tokens });
    });
  }
  return items;
}

function tokensLeft({ request, share }: Beginning<Candidate>): number {
  return request.tokens.length - startOf(request, share);
}

function startOf(request: Candidate, share: { tokens: number } | undefined): number {
  return share ? share.tokens : request.read;
}

function byPriority<Request extends Candidate>(prompts: readonly Beginning<Request>[]): Beginning<Request>[][] {
  const groups = new Map<number, Beginning<Request>[]>();
  for (const prompt of prompts) {
    const group = groups.get(prompt.request.priority);
    if (group) group.push(prompt);
    else groups.set(prompt.request.priority, [prompt]);
  }
  return [...groups].sort(([a], [b]) => b - a).map(([, group]) => group);
}
