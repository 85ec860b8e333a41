/** The loop that drives the engine: as long as there are requests, plan a step, run it, hand out the results. */

import { DisposedError, fromNative } from '../errors.js';
import type { NativeAddon, NativeCancelFlag, NativeModel, NativeStepItem } from '../native.js';
import { type PlannedItem, planStep } from './plan.js';
import type { Request } from './request.js';

export class Scheduler {
  readonly #addon: NativeAddon;
  readonly #model: NativeModel;
  readonly #budget: number;
  readonly #requests = new Set<Request>();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #step: { requests: Request[]; flag: NativeCancelFlag } | undefined;
  #steps = 0;

  constructor(addon: NativeAddon, model: NativeModel, tokensPerStep: number) {
    this.#addon = addon;
    this.#model = model;
    this.#budget = tokensPerStep;
  }

  /** Starts a request; it joins the next step. */
  add(request: Request): void {
    this.#requests.add(request);
    this.resume();
    this.#running ??= this.#run();
  }

  /** Ends a request from outside: at once for its listener, within one layer for the engine. */
  cancel(request: Request, error: unknown): void {
    request.fail(error);
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
    for (const request of this.#requests) this.cancel(request, new DisposedError());
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#requests.size > 0) {
      await this.#retire();
      const ready = [...this.#requests].filter((request) => request.listener.wantsMore());
      const plan = planStep(
        ready.map((request) => ({ id: request, pending: request.pending.length })),
        this.#budget,
        this.#steps++,
      );
      // One that ended while others were being retired is retired in the next round; no wake-up comes for it any more.
      const someAreOver = [...this.#requests].some((request) => request.over);
      if (plan.length > 0) await this.#runStep(plan);
      else if (this.#requests.size > 0 && !someAreOver) await new Promise<void>((wake) => (this.#wake = wake));
    }
    this.#running = undefined;
  }

  /** Lets go of the requests that are over. */
  async #retire(): Promise<void> {
    for (const request of this.#requests) {
      if (!request.over) continue;
      this.#requests.delete(request);
      // The model may have been disposed of meanwhile, and its sequences with it.
      if (request.sequence !== undefined) await this.#model.freeSequence(request.sequence).catch(() => {});
    }
  }

  async #runStep(plan: PlannedItem<Request>[]): Promise<void> {
    const requests = plan.map((item) => item.id);
    const flag = new this.#addon.CancelFlag();
    this.#step = { requests, flag };
    try {
      for (const request of requests) request.sequence ??= await this.#model.createSequence();
      if (requests.every((request) => request.over)) return;
      const result = await this.#model.step(plan.map(toStepItem), flag);
      for (const request of requests) request.countStep(result.spent);
      plan.forEach((planned, i) => {
        const item = result.items[i];
        if (item && !planned.id.over) planned.id.accept(planned.tokens, item);
      });
    } catch (error) {
      // After a cancelled step every sequence is as before, so those that are not over simply try again.
      if ((error as { code?: string }).code === 'CANCELLED' && requests.some((request) => request.over)) return;
      for (const request of requests) request.fail(fromNative(error));
    } finally {
      this.#step = undefined;
    }
  }
}

function toStepItem({ id: request, tokens }: PlannedItem<Request>): NativeStepItem {
  const last = tokens === request.pending.length;
  return {
    sequence: request.sequence as number,
    tokens: request.pending.subarray(0, tokens),
    sample: last ? request.sampling : undefined,
    routing: request.routing,
  };
}
