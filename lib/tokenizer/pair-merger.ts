/**
 * The merge loop of byte-pair encoding: while two neighbouring symbols can be merged, merge the pair of the lowest rank,
 * the leftmost among equals. Both byte-level BPE and SentencePiece BPE are this loop with another rank.
 * A heap of candidate pairs makes it O(n log n), so a long text without spaces is no trap.
 */

/** Rank of merging `[start, middle)` and `[middle, end)` of the text; `Infinity` where they cannot be merged. */
export type PairRank = (start: number, middle: number, end: number) => number;

/**
 * Merges the symbols of a text.
 *
 * @param offsets where each symbol starts in the text, followed by the text's length
 * @param rank see {@link PairRank}
 * @returns where each remaining symbol starts, followed by the text's length
 */
export function mergePairs(offsets: readonly number[], rank: PairRank): number[] {
  const symbols = new SymbolChain(offsets);
  const queue = new PairQueue();
  const consider = (left: number) => {
    const right = symbols.after(left);
    if (left < 0 || right >= symbols.count) return;
    const end = symbols.endOf(right);
    const pairRank = rank(symbols.startOf(left), symbols.startOf(right), end);
    if (pairRank !== Number.POSITIVE_INFINITY) queue.push(pairRank, left, end);
  };
  for (let symbol = 0; symbol + 1 < symbols.count; symbol++) consider(symbol);
  while (queue.pop()) {
    const left = queue.left;
    // Symbols only grow, so a pair is still the one that was ranked if it spans the same text.
    if (!symbols.isPair(left, queue.end)) continue;
    symbols.mergeWithNext(left);
    consider(symbols.before(left));
    consider(left);
  }
  return symbols.offsets();
}

/** Symbols in text order, as a linked list of indices into the original symbols. */
class SymbolChain {
  readonly count: number;
  readonly #offsets: readonly number[];
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  constructor(offsets: readonly number[]) {
    this.count = offsets.length - 1;
    this.#offsets = offsets;
    this.#next = Int32Array.from(offsets, (_, index) => index + 1);
    this.#previous = Int32Array.from(offsets, (_, index) => index - 1);
  }

  startOf(symbol: number): number {
    return this.#offsets[symbol] as number;
  }

  endOf(symbol: number): number {
    return this.#offsets[this.after(symbol)] as number;
  }

  before(symbol: number): number {
    return this.#previous[symbol] as number;
  }

  /** The next symbol, or `count` after the last. A merged symbol has none: its entry is -1. */
  after(symbol: number): number {
    return this.#next[symbol] as number;
  }

  isPair(left: number, end: number): boolean {
    const right = this.after(left);
    return right >= 0 && right < this.count && this.endOf(right) === end;
  }

  mergeWithNext(left: number): void {
    const right = this.after(left);
    const following = this.after(right);
    this.#next[left] = following;
    this.#next[right] = -1;
    if (following < this.count) this.#previous[following] = left;
  }

  offsets(): number[] {
    const result: number[] = [];
    for (let symbol = 0; symbol < this.count; symbol = this.after(symbol)) result.push(this.startOf(symbol));
    result.push(this.#offsets[this.count] as number);
    return result;
  }
}

/** Binary min-heap of candidate pairs, by rank and then by position. */
class PairQueue {
  /** The pair taken by the last `pop()`. */
  left = 0;
  end = 0;
  readonly #ranks: number[] = [];
  readonly #lefts: number[] = [];
  readonly #ends: number[] = [];

  push(rank: number, left: number, end: number): void {
    let index = this.#ranks.length;
    this.#place(index, rank, left, end);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(rank, left, parent)) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#place(index, rank, left, end);
  }

  /** Takes the first pair into `left` and `end`; false when there is none. */
  pop(): boolean {
    if (this.#ranks.length === 0) return false;
    this.left = this.#lefts[0] as number;
    this.end = this.#ends[0] as number;
    const rank = this.#ranks.pop() as number;
    const left = this.#lefts.pop() as number;
    const end = this.#ends.pop() as number;
    if (this.#ranks.length > 0) this.#sinkFromTop(rank, left, end);
    return true;
  }

  #sinkFromTop(rank: number, left: number, end: number): void {
    const count = this.#ranks.length;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= count) break;
      if (child + 1 < count && this.#isEntryBefore(child + 1, child)) child++;
      if (this.#isBefore(rank, left, child)) break;
      this.#move(child, index);
      index = child;
    }
    this.#place(index, rank, left, end);
  }

  #isEntryBefore(entry: number, other: number): boolean {
    return this.#isBefore(this.#ranks[entry] as number, this.#lefts[entry] as number, other);
  }

  #isBefore(rank: number, left: number, other: number): boolean {
    const otherRank = this.#ranks[other] as number;
    return rank < otherRank || (rank === otherRank && left < (this.#lefts[other] as number));
  }

  #move(from: number, to: number): void {
    this.#place(to, this.#ranks[from] as number, this.#lefts[from] as number, this.#ends[from] as number);
  }

  #place(index: number, rank: number, left: number, end: number): void {
    this.#ranks[index] = rank;
    this.#lefts[index] = left;
    this.#ends[index] = end;
  }
}
