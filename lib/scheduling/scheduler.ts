/** The loop that drives the engine: as long as there are requests, plan a step, run it, hand out the results. */

import { DisposedError, fromNative, QueueFullError } from '../errors.js';
import type { NativeAddon } from '../native/addon.js';
import type { NativeModel } from '../native/model.js';
import type { NativeCancelFlag, NativeStepResult } from '../native/step.js';
import { isGenerating, type PlannedItem, planStep, type StepLimits } from './plan.js';
import { nextPace, type PromptPace, promptTokensBeside } from './prompt-pace.js';
import type { Request } from './request.js';
import type { SchedulerSettings } from './settings.js';
import { noSchedulingCounts, type SchedulingStats } from './stats.js';
import { Turns } from './turns.js';

export class Scheduler {
  readonly #addon: NativeAddon;
  readonly #model: NativeModel;
  readonly #settings: SchedulerSettings;
  /** Both by priority, then by arrival. */
  readonly #begun: Request[] = [];
  readonly #waiting: Request[] = [];
  readonly #counts = noSchedulingCounts();
  readonly #turns: Turns;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #step: { requests: Request[]; flag: NativeCancelFlag } | undefined;
  #turn = 0;
  #pace: PromptPace = [];

  constructor(addon: NativeAddon, model: NativeModel, settings: SchedulerSettings) {
    this.#addon = addon;
    this.#model = model;
    this.#settings = settings;
    this.#turns = new Turns(settings.choice, settings.shape);
  }

  /**
   * Starts a request; it joins the next step that has room for it.
   *
   * @throws QueueFullError when as many wait as may
   */
  add(request: Request): void {
    if (this.#isFull()) throw new QueueFullError(this.#settings.queue);
    insert(this.#waiting, request);
    this.resume();
    this.#running ??= this.#run();
  }

  #isFull(): boolean {
    const { queue, sequences } = this.#settings;
    // Who comes into an empty house does not wait.
    const isFull = (begun: number, waiting: number) => waiting >= queue + Math.max(0, sequences - begun);
    // Those that nobody reads give way, and those that are over have gone but for their memory. Counting takes long where
    // many wait, and mostly need not be.
    const counted = ({ stalled, over }: Request) => !stalled && !over;
    return (
      isFull(this.#begun.length, this.#waiting.length) &&
      isFull(this.#begun.filter(counted).length, this.#waiting.filter(counted).length)
    );
  }

  /** Ends a request from outside: at once for its listener, within one layer for the engine. */
  cancel(request: Request, error: unknown): void {
    request.fail(error);
    remove(this.#waiting, request);
    // Others in the same step keep going; the step itself is only stopped when nobody wants it any more.
    if (this.#step?.requests.every((r) => r.over)) this.#step.flag.cancel();
    this.resume();
  }

  /** Looks again for something to do: a reader has caught up. */
  resume(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Ends all requests and waits until the engine is idle. */
  async close(): Promise<void> {
    for (const request of [...this.#waiting, ...this.#begun]) this.cancel(request, new DisposedError());
    await this.#running;
  }

  stats(): SchedulingStats {
    const { blocks, blockTokens } = this.#settings;
    return {
      ...this.#counts,
      ...this.#turns.stats(),
      running: this.#begun.length,
      waiting: this.#waiting.length,
      kvCacheTokens: blocks * blockTokens,
      kvCacheTokensInUse: this.#model.kvBlocksInUse() * blockTokens,
    };
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#retire();
      if (this.#begun.length + this.#waiting.length === 0) break;
      try {
        await this.#next();
      } catch (error) {
        // A fault of ours: whoever waits must hear of it, and the process must not end.
        for (const request of [...this.#waiting, ...this.#begun]) this.cancel(request, fromNative(error));
      }
    }
    this.#running = undefined;
  }

  async #next(): Promise<void> {
    const choose = (ready: Request[], most: number) => this.#turns.choose(ready, most);
    const { items, pause, chosen } = planStep(this.#begun, this.#waiting, this.#limits(), choose);
    if (pause) await this.#pause(pause);
    else if (items.length > 0) await this.#runStep(items, chosen === true);
    else if (!this.#begun.some(isOver)) await new Promise<void>((wake) => (this.#wake = wake));
  }

  #limits(): StepLimits {
    const { tokensPerStep, sequences, sequencesPerStep, blocks, blockTokens } = this.#settings;
    return {
      tokens: tokensPerStep,
      promptTokens: (generating, reading) => promptTokensBeside(this.#pace, generating, reading),
      sequences,
      sequencesPerStep,
      freeBlocks: blocks - this.#model.kvBlocksInUse(),
      blockTokens,
    };
  }

  /** Lets go of the requests that are over; more may end meanwhile. */
  async #retire(): Promise<void> {
    for (let over = this.#begun.find(isOver); over; over = this.#begun.find(isOver)) {
      await this.#free(over);
      remove(this.#begun, over);
    }
  }

  /** Gives a request's blocks to others; it reads its tokens again when there is room. */
  async #pause(request: Request): Promise<void> {
    await this.#free(request);
    remove(this.#begun, request);
    request.pause();
    this.#counts.pauses++;
    if (!request.over) insert(this.#waiting, request);
  }

  async #free({ sequence }: Request): Promise<void> {
    if (sequence === undefined) return;
    try {
      await this.#model.freeSequence(sequence);
    } catch {
      // The model has been disposed of meanwhile, and its sequences with it.
    }
  }

  async #begin({ request, share }: PlannedItem<Request>): Promise<void> {
    if (!remove(this.#waiting, request)) return;
    insert(this.#begun, request);
    const from = share?.from.sequence;
    const shared = from === undefined ? 0 : (share?.tokens ?? 0);
    const model = this.#model;
    const sequence = await (from === undefined ? model.createSequence() : model.shareSequence(from, shared));
    request.begin(sequence, shared);
    request.habit ??= this.#turns.habit();
    this.#counts.sharedTokens += shared;
  }

  async #runStep(plan: PlannedItem<Request>[], chosen: boolean): Promise<void> {
    const flag = new this.#addon.CancelFlag();
    this.#step = { requests: plan.map(({ request }) => request), flag };
    try {
      for (const item of plan) await this.#begin(item).catch((error) => item.request.fail(fromNative(error)));
      // Those that were cancelled meanwhile take no part.
      const items = plan.filter(({ request }) => request.sequence !== undefined && !request.over);
      if (items.length === 0) return;
      const result = await this.#compute(items, flag);
      if (result) this.#take(items, result, chosen);
    } finally {
      this.#step = undefined;
    }
  }

  /** Undefined if the step was cancelled or failed: every sequence is then as before. */
  async #compute(items: PlannedItem<Request>[], flag: NativeCancelFlag): Promise<NativeStepResult | undefined> {
    this.#counts.steps++;
    for (const { request } of items) request.lastTurn = this.#turn++;
    try {
      return await this.#model.step(
        items.map((item) => item.request.stepItem(item)),
        flag,
      );
    } catch (error) {
      // Those that are not over simply try again.
      if ((error as { code?: string }).code === 'CANCELLED' && items.some(({ request }) => isOver(request))) return;
      // Each by itself, so that nobody ends with another one's error.
      for (const item of items) {
        if (items.length === 1) item.request.fail(fromNative(error));
        else if (!item.request.over) await this.#runStep([item], false);
      }
    }
  }

  #take(items: PlannedItem<Request>[], result: NativeStepResult, chosen: boolean): void {
    this.#learn(items, result.spent.seconds);
    items.forEach(({ request, tokens }, i) => {
      const item = result.items[i];
      if (item && !request.over) request.accept(tokens, item, result.spent);
    });
    // Steps that read prompts too say nothing of who should generate together.
    const routes = result.items.flatMap(({ experts }) => experts ?? []);
    const isPure = routes.length === items.length && items.every(({ tokens }) => tokens === 1);
    this.#turns.stepped(chosen, result.spent.seconds, isPure ? routes : []);
  }

  #learn(items: PlannedItem<Request>[], seconds: number): void {
    const tokens = items.reduce((sum, item) => sum + item.tokens, 0);
    const generating = items.filter(({ request }) => isGenerating(request));
    const step = { seconds, generatedTokens: generating.length, promptTokens: tokens - generating.length };
    this.#pace = nextPace(this.#pace, step);
    // The last token of a prompt makes a step no longer than another one, but nobody has generated it.
    const generated = generating.filter(({ request }) => request.read >= request.prompt.length).length;
    this.#counts.generatedTokens += generated;
    this.#counts.promptTokens += tokens - generated;
  }
}

function isOver({ over }: Request): boolean {
  return over;
}

/** By priority, then by arrival: one that was paused gets its place back. */
function insert(requests: Request[], request: Request): void {
  const after = requests.findLastIndex(
    ({ priority, number }) => priority > request.priority || (priority === request.priority && number < request.number),
  );
  requests.splice(after + 1, 0, request);
}

/** Whether it was there. */
function remove(requests: Request[], request: Request): boolean {
  const index = requests.indexOf(request);
  if (index >= 0) requests.splice(index, 1);
  return index >= 0;
}
