/** The requests that are being answered: what ends them, and when there are none left. */

import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { ApiError, shuttingDown } from './errors.js';
import { whenOver } from './when-over.js';

export class RunningRequests {
  readonly #controllers = new Set<AbortController>();
  #closing = false;
  #whenNone: (() => void)[] = [];

  /** No more are taken. */
  get closing(): boolean {
    return this.#closing;
  }

  /**
   * A request that is answered by `response`: its controller's signal aborts when the caller goes away, or when the server
   * waits no longer. It ends with the response.
   *
   * @throws ApiError 503 when no more are taken
   */
  begin(response: ServerResponse): AbortController {
    if (this.#closing) throw shuttingDown();
    const controller = new AbortController();
    // A request may be for many generations, which all listen.
    setMaxListeners(0, controller.signal);
    this.#controllers.add(controller);
    whenOver(response, () => {
      controller.abort(new ApiError(499, 'the caller has gone away'));
      this.#controllers.delete(controller);
      if (this.#controllers.size === 0) for (const resolve of this.#whenNone.splice(0)) resolve();
    });
    return controller;
  }

  /** Takes no more, and resolves when none is left, or after `seconds`. */
  async drain(seconds: number): Promise<void> {
    this.#closing = true;
    if (this.#controllers.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const none = new Promise<void>((resolve) => this.#whenNone.push(resolve));
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, seconds * 1000)));
    await Promise.race([none, late]);
    clearTimeout(timer);
  }

  abortAll(): void {
    for (const controller of this.#controllers) controller.abort(shuttingDown());
  }
}
