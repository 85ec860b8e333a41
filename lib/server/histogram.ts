/** How values are distributed, in buckets with fixed bounds. */

import type { Sample } from './metrics-text.js';

export class Histogram {
  readonly #bounds: readonly number[];
  /** Values up to each bound and above the one before; the last are above all. */
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds rising */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const bucket = found < 0 ? this.#bounds.length : found;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += value;
  }

  /** Each bucket with all below it, as Prometheus wants them. */
  samples(): Sample[] {
    let count = 0;
    const buckets = this.#counts.map((own, i) => {
      count += own;
      return { suffix: '_bucket', labels: { le: String(this.#bounds[i] ?? '+Inf') }, value: count };
    });
    return [...buckets, { suffix: '_sum', value: this.#sum }, { suffix: '_count', value: count }];
  }
}
