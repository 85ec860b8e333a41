/** What a trace says at large: the lengths of its sequences, how often each expert is used, and how soon again. */

import { countUses } from '../trace/count-uses.js';
import { NOT_RECORDED, type TraceHeader, type TraceTokens } from '../trace/trace.js';

export class RouteSummary {
  /** Tokens of each sequence, in the order in which they begin. */
  readonly lengths = new Map<number, number>();
  /** [layers][experts] tokens that use it. */
  readonly uses: Float64Array;
  tokens = 0;

  constructor(private readonly header: TraceHeader) {
    this.uses = new Float64Array(header.layers * header.experts);
  }

  add(tokens: TraceTokens): void {
    const { lengths } = this;
    for (let token = 0; token < tokens.count; token++) {
      const name = tokens.sequence[token] as number;
      lengths.set(name, (lengths.get(name) ?? 0) + 1);
    }
    countUses(this.header, tokens, this.uses);
    this.tokens += tokens.count;
  }

  /** Experts by falling number of uses, layer * experts + expert; those never used are left out. */
  mostUsed(): number[] {
    const { uses } = this;
    const used = Array.from(uses, (_, expert) => expert).filter((expert) => (uses[expert] as number) > 0);
    return used.sort((a, b) => (uses[b] as number) - (uses[a] as number) || a - b);
  }
}

/**
 * Reuse distances: how many different experts of its layer were used since an expert's last use, itself included, token by
 * token in the order of the trace and in the router's order within one. A least-recently-used cache for one layer hits
 * exactly the uses whose distance is not above its places.
 */
export class ReuseDistances {
  /** [distance - 1] uses of that distance; the experts of a layer are the most there can be. */
  readonly uses: Float64Array;
  /** Uses of experts that had not been used before. */
  first = 0;
  /** Of each layer, experts from the last used on. */
  private readonly recent: number[][];

  constructor(private readonly header: TraceHeader) {
    this.uses = new Float64Array(header.experts);
    this.recent = Array.from({ length: header.layers }, () => []);
  }

  add({ count, experts }: TraceTokens): void {
    const { k } = this.header;
    let at = 0;
    for (let token = 0; token < count; token++) {
      for (const recent of this.recent) {
        for (let rank = 0; rank < k; rank++) {
          const expert = experts[at++] as number;
          if (expert !== NOT_RECORDED) this.use(expert, recent);
        }
      }
    }
  }

  private use(expert: number, recent: number[]): void {
    const index = recent.indexOf(expert);
    if (index < 0) {
      this.first++;
      recent.unshift(expert);
      return;
    }
    this.uses[index] = (this.uses[index] ?? 0) + 1;
    recent.copyWithin(1, 0, index);
    recent[0] = expert;
  }
}
