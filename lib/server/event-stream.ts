/** Server-sent events on a response (WHATWG HTML, section 9.2), at the pace of whoever reads them. */

import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Proxies cut connections on which nothing happens; a comment is something. */
const keepAliveMs = 15_000;

export class EventStream {
  readonly #response: ServerResponse;
  readonly #signal: AbortSignal;
  readonly #keepAlive: NodeJS.Timeout;
  #drained: Promise<unknown> | undefined;

  /**
   * Sends the headers at once. After `signal`, nothing more is sent but by {@link end}.
   *
   * @param stallSeconds after which the connection of a reader who takes nothing is closed
   */
  constructor(response: ServerResponse, headers: OutgoingHttpHeaders, signal: AbortSignal, stallSeconds: number) {
    this.#response = response;
    this.#signal = signal;
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // nginx would collect what belongs to the reader at once.
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    this.#keepAlive = setInterval(() => {
      if (!response.writableNeedDrain) this.#write(': still here\n\n');
    }, keepAliveMs);
    response.setTimeout(1000 * stallSeconds, () => {
      // Otherwise it is the reader who waits.
      if (response.writableLength > 0) response.destroy();
    });
    // Before the connection's next response, or the wait for it, which has a limit of its own.
    response.prependOnceListener('finish', () => response.setTimeout(0));
    signal.addEventListener('abort', () => clearInterval(this.#keepAlive), { once: true });
    // A connection that breaks shows as its close; the event must not end the process.
    response.on('error', () => {});
  }

  /**
   * Sends an event when the reader has taken most of those before. Tells whether it had to wait for that.
   *
   * @throws the signal's reason
   */
  async send(data: unknown): Promise<boolean> {
    const waits = this.#response.writableNeedDrain;
    while (this.#response.writableNeedDrain && !this.#signal.aborted) await this.#drain();
    this.#signal.throwIfAborted();
    this.#write(eventOf(JSON.stringify(data)));
    return waits;
  }

  /** Sends a last event, without waiting for the reader: `text` as it is, anything else as JSON. */
  end(data: unknown): void {
    clearInterval(this.#keepAlive);
    this.#write(eventOf(typeof data === 'string' ? data : JSON.stringify(data)));
    this.#response.end();
  }

  #write(text: string): void {
    if (!this.#response.destroyed) this.#response.write(text);
  }

  /** One wait for all that are to be sent. */
  #drain(): Promise<unknown> {
    this.#drained ??= once(this.#response, 'drain', { signal: this.#signal })
      .catch(() => this.#signal.throwIfAborted())
      .finally(() => (this.#drained = undefined));
    return this.#drained;
  }
}

function eventOf(text: string): string {
  return `data: ${text}\n\n`;
}
