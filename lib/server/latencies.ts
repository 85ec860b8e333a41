/** How long callers wait for text. */

import { Histogram } from './histogram.js';

/** In seconds. What is cut in pieces is text: bytes of an unfinished character come with the token that completes it. */
export class Latencies {
  /** From the request to the first piece of each choice, waiting for its turn included. */
  readonly firstToken = new Histogram([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]);
  /** From piece to piece, as long as the caller takes them as they come. */
  readonly betweenTokens = new Histogram([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]);
}

/** Of one choice. */
export class TokenClock {
  readonly #latencies: Latencies;
  readonly #came: number;
  #last: number | undefined;
  #paused = false;

  /** @param came when the request came, of `performance.now()` */
  constructor(latencies: Latencies, came: number) {
    this.#latencies = latencies;
    this.#came = came;
  }

  /** A piece has come. */
  tick(): void {
    const now = performance.now();
    if (this.#last === undefined) this.#latencies.firstToken.observe((now - this.#came) / 1000);
    else if (!this.#paused) this.#latencies.betweenTokens.observe((now - this.#last) / 1000);
    this.#last = now;
    this.#paused = false;
  }

  /** The caller has kept the next piece waiting: its time says nothing of the server. */
  pause(): void {
    this.#paused = true;
  }
}
