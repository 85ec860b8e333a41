/** Whose turn it is among those that generate, where a step takes fewer: in the order of waiting, or by experts they share. */

import { longestWaiting } from './plan.js';
import { firstTrial, nextTrial, type PolicyTrial, type SchedulingPolicy } from './policy-trial.js';
import { addRoute, countSet, wordsOf } from './regroup/expert-sets.js';
import { addToHabit, habitSet } from './regroup/habit.js';
import { firstTurns, type NextBatch, nextBatch } from './regroup/next-batch.js';
import { RegroupWorkspace } from './regroup/workspace.js';

export const schedulingChoices = ['auto', 'fifo', 'regroup'] as const;
export type SchedulingChoice = (typeof schedulingChoices)[number];

/** Of a model's routes. */
export interface RouteShape {
  layers: number;
  /** Per layer. */
  experts: number;
  /** Per token and layer. */
  k: number;
}

/** Tokens of a prompt that a habit begins with: those before them count for little. */
const promptTokens = 16;
/** Steps of a turn: see docs/scheduling.md. */
const turnSteps = 4;

/** What a sequence uses by habit, as far as it is known. */
export class Habit {
  readonly #shape: RouteShape;
  readonly #shares: Float32Array;
  #set: Uint32Array | undefined;
  #isFresh = false;

  constructor(shape: RouteShape) {
    this.#shape = shape;
    this.#shares = new Float32Array(shape.layers * shape.experts);
  }

  /** @param experts [tokens][layers][k] of the tokens that were read last */
  add(experts: Int32Array): void {
    const { layers, k } = this.#shape;
    const route = layers * k;
    const first = Math.max(0, experts.length / route - promptTokens);
    for (let at = first * route; at < experts.length; at += route) {
      addToHabit(this.#shares, experts.subarray(at, at + route), this.#shape);
    }
    this.#isFresh = false;
  }

  get set(): Uint32Array {
    if (!this.#isFresh || !this.#set) this.#set = habitSet(this.#shares, this.#set);
    this.#isFresh = true;
    return this.#set;
  }
}

export interface TurnRequest {
  readonly number: number;
  readonly lastTurn: number;
  readonly priority: number;
  readonly habit?: Habit;
}

export interface TurnStats {
  /** How turns are given now: `fifo`, in the order of waiting, or `regroup`, by the experts that sequences share. */
  policy: SchedulingPolicy;
  /** Steps for which there was a choice, by policy, with the mean number of experts that their tokens used, all layers together, and seconds per token. */
  choices: Record<SchedulingPolicy, { steps: number; expertsPerStep: number; secondsPerToken: number }>;
  /** Seconds spent on choosing. */
  choosingSeconds: number;
}

interface Sum {
  steps: number;
  experts: number;
  tokens: number;
  seconds: number;
}

/** Gives turns, and finds out whether choosing pays. */
export class Turns {
  readonly #choice: SchedulingChoice;
  readonly #shape: RouteShape;
  readonly #workspace = new RegroupWorkspace();
  readonly #sums: Record<SchedulingPolicy, Sum> = { fifo: noSum(), regroup: noSum() };
  readonly #union: Uint32Array;
  #trial: PolicyTrial = firstTrial;
  #turns = firstTurns;
  #next: NextBatch | undefined;
  #choosingSeconds = 0;
  /** Of the step to come. */
  #lastChoosing = 0;

  constructor(choice: SchedulingChoice, shape: RouteShape) {
    this.#choice = choice;
    this.#shape = shape;
    this.#union = new Uint32Array(wordsOf(shape));
  }

  get policy(): SchedulingPolicy {
    return this.#choice === 'auto' ? this.#trial.policy : this.#choice;
  }

  /** A habit for a sequence that begins, where habits are asked for. */
  habit(): Habit | undefined {
    return this.#choice === 'fifo' ? undefined : new Habit(this.#shape);
  }

  /** Of those who generate, by their rights, whose turn it is; what is chosen counts when the step has been made. */
  choose<Request extends TurnRequest>(generating: Request[], most: number): Request[] {
    this.#next = undefined;
    this.#lastChoosing = 0;
    if (generating.length <= most) return generating;
    if (this.policy === 'fifo') return longestWaiting(generating, most);
    const started = performance.now();
    const ready = generating.map(({ number, lastTurn, priority, habit }) => {
      return { id: number, lastStep: lastTurn, priority, route: habit?.set };
    });
    this.#next = nextBatch(ready, most, this.#turns, { turnSteps, workspace: this.#workspace });
    this.#lastChoosing = (performance.now() - started) / 1000;
    this.#choosingSeconds += this.#lastChoosing;
    const chosen = new Set(this.#next.ids);
    return generating.filter(({ number }) => chosen.has(number));
  }

  /**
   * A step has been made.
   *
   * @param wasChosen whether there were more that generate than it had places for
   * @param routes of its tokens, [tokens][layers][k], as far as they are known
   */
  stepped(wasChosen: boolean, seconds: number, routes: readonly Int32Array[]): void {
    if (this.#next) this.#turns = this.#next.turns;
    this.#next = undefined;
    if (!wasChosen || routes.length === 0) return;
    const sum = this.#sums[this.policy];
    sum.steps++;
    sum.experts += this.#activated(routes);
    sum.tokens += routes.length;
    sum.seconds += seconds;
    if (this.#choice === 'auto') this.#trial = nextTrial(this.#trial, (seconds + this.#lastChoosing) / routes.length);
  }

  stats(): TurnStats {
    const of = ({ steps, experts, tokens, seconds }: Sum) => ({
      steps,
      expertsPerStep: experts / (steps || 1),
      secondsPerToken: seconds / (tokens || 1),
    });
    return {
      policy: this.policy,
      choices: { fifo: of(this.#sums.fifo), regroup: of(this.#sums.regroup) },
      choosingSeconds: this.#choosingSeconds,
    };
  }

  #activated(routes: readonly Int32Array[]): number {
    this.#union.fill(0);
    for (const route of routes) addRoute(this.#union, route, this.#shape);
    return countSet(this.#union);
  }
}

function noSum(): Sum {
  return { steps: 0, experts: 0, tokens: 0, seconds: 0 };
}
