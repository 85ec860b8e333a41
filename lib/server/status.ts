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
  /** [layers][experts], flat: how many tokens have used each expert, and 1 for those that are in memory now. */
  experts: { uses: number[]; inMemory: number[] };
  /** What was seen every two seconds in the last five minutes, or after the time that was asked for. */
  looks: Look[];
}

/**
 * @param since milliseconds since 1970
 * @throws DisposedError
 */
export async function serverStatus(context: ServerContext, since: number): Promise<ServerStatus> {
  const { model, settings, requests, history, started } = context;
  const { uses, inMemory } = await model.expertUses();
  return {
    model: settings.modelName,
    time: Date.now(),
    started,
    closing: requests.closing,
    residentBytes: process.memoryUsage.rss(),
    memory: model.info.memory,
    stats: model.stats(),
    experts: { uses: [...uses], inMemory: [...inMemory] },
    looks: history.since(since),
  };
}

/** @throws DisposedError */
export async function lookAtModel(model: Model): Promise<Look> {
  const layers = await model.layerStats();
  return lookAt(Date.now(), model.stats(), layers);
}
