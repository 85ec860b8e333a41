/** What a server has done in its last minutes, for whoever opens the status page later. */

import type { LayerStats } from '../experts/stats.js';
import type { ModelStats } from '../model/model.js';

/** Milliseconds between two looks, and how many are kept: five minutes. */
export const lookMs = 2000;
export const mostLooks = 150;

/** Experts that were there, and all that were asked for, since the model was loaded. */
export type Uses = [hits: number, uses: number];

/** What had been counted at one moment. */
export interface Look {
  /** Milliseconds since 1970. */
  time: number;
  promptTokens: number;
  generatedTokens: number;
  running: number;
  waiting: number;
  memory: Uses;
  device: Uses | null;
  /** Of each layer with experts; empty where all experts are in memory. */
  layers: Uses[];
}

export function lookAt(time: number, stats: ModelStats, layers: readonly LayerStats[]): Look {
  const { promptTokens, generatedTokens, running, waiting } = stats.scheduling;
  return {
    time,
    promptTokens,
    generatedTokens,
    running,
    waiting,
    memory: usesOf(stats.experts),
    device: stats.device ? usesOf(stats.device) : null,
    layers: layers.map(usesOf),
  };
}

function usesOf({ hits, lateHits, misses }: Pick<LayerStats, 'hits' | 'lateHits' | 'misses'>): Uses {
  return [hits, hits + lateHits + misses];
}

export class History {
  readonly #looks: Look[] = [];
  readonly #timer: NodeJS.Timeout;

  /** @param look may fail, as that of a model that was disposed of: there is nothing to see then */
  constructor(look: () => Promise<Look>) {
    const take = () =>
      look().then(
        (taken) => this.#add(taken),
        () => {},
      );
    // It keeps no process alive.
    this.#timer = setInterval(take, lookMs).unref();
    void take();
  }

  /** Those after a time, the oldest first. */
  since(time: number): Look[] {
    return this.#looks.filter((look) => look.time > time);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #add(look: Look): void {
    this.#looks.push(look);
    if (this.#looks.length > mostLooks) this.#looks.shift();
  }
}
