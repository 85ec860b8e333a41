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
  readonly #look: () => Promise<Look>;
  #looking = false;

  /** @param look may fail, as that of a model that was disposed of: there is nothing to see then */
  constructor(look: () => Promise<Look>) {
    this.#look = look;
    // It keeps no process alive.
    this.#timer = setInterval(() => this.#take(), lookMs).unref();
    void this.#take();
  }

  /** Those after a time, the oldest first. */
  since(time: number): Look[] {
    return this.#looks.filter((look) => look.time > time);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One at a time: where one takes long, those that follow would end with it, and tell of the same moment. */
  async #take(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      this.#looks.push(await this.#look());
      if (this.#looks.length > mostLooks) this.#looks.shift();
    } catch {
      // The next one may see something.
    } finally {
      this.#looking = false;
    }
  }
}
