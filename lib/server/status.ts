/** GET /status.json: what the status page shows. */

import type { MemoryUse } from '../model/info.js';
import type { Model, ModelStats } from '../model/model.js';
import type { ServerContext } from './context.js';
import { type Look, lookAt } from './history.js';

export interface ServerStatus {
  model: string;
  /** Milliseconds since 1970: now, and when the server was made. */
  time: number;
  started: number;
  closing: boolean;
  /** Of the process, in bytes. */
  residentBytes: number;
  /** How memory is spent, in bytes. */
  memory: MemoryUse;
  stats: ModelStats;
  /** What was seen every two seconds in the last five minutes, or after the time that was asked for. */
  looks: Look[];
}

/** @param since milliseconds since 1970 */
export function serverStatus(context: ServerContext, since: number): ServerStatus {
  const { model, settings, requests, history, started } = context;
  return {
    model: settings.modelName,
    time: Date.now(),
    started,
    closing: requests.closing,
    residentBytes: process.memoryUsage.rss(),
    memory: model.info.memory,
    stats: model.stats(),
    looks: history.since(since),
  };
}

/** @throws DisposedError */
export async function lookAtModel(model: Model): Promise<Look> {
  const layers = await model.layerStats();
  return lookAt(Date.now(), model.stats(), layers);
}
