/** What the routes of a server share. */

import type { Model } from '../model/model.js';
import type { History } from './history.js';
import type { HttpCounts } from './http-counts.js';
import type { Latencies } from './latencies.js';
import type { RunningRequests } from './running-requests.js';
import type { ServerSettings } from './settings.js';

export interface ServerContext {
  model: Model;
  settings: ServerSettings;
  requests: RunningRequests;
  latencies: Latencies;
  httpCounts: HttpCounts;
  history: History;
  /** When the server was made, of `Date.now()`. */
  started: number;
}
