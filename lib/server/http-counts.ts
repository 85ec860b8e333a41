/** Requests by route and status. */

import type { ServerResponse } from 'node:http';
import type { Sample } from './metrics-text.js';
import { whenOver } from './when-over.js';

/** As nginx has it: the caller has gone before the answer was complete. */
const callerGone = '499';

export class HttpCounts {
  readonly #counts = new Map<string, { labels: { route: string; status: string }; value: number }>();

  /** Counts the request when its response is over. Unknown paths are one route, as callers make them up. */
  count(route: string | undefined, response: ServerResponse): void {
    whenOver(response, () => {
      const status = response.writableFinished ? String(response.statusCode) : callerGone;
      const labels = { route: route ?? 'unknown', status };
      const key = Object.values(labels).join(' ');
      this.#counts.set(key, { labels, value: (this.#counts.get(key)?.value ?? 0) + 1 });
    });
  }

  samples(): Sample[] {
    return [...this.#counts.values()];
  }
}
