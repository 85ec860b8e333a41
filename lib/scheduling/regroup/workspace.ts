/** What is known of a grouping while it is made, and the memory that it is made in. */

import { worthByUsers } from './clusters.js';
import { countBits } from './expert-sets.js';

/**
 * Memory for grouping again and again: it grows to what the largest call needs, and is not given back. One grouping at a
 * time; what it holds between calls means nothing.
 */
export class RegroupWorkspace {
  sequences = 0;
  batches = 0;
  /** Words of a set of sequences: bit i % 32 of word i / 32 is sequence i. */
  setWords = 0;
  /** By sequence: the numbers of its experts whose cost depends on the grouping; `useEnd`, [sequences + 1]. */
  uses: Int32Array = new Int32Array(0);
  useEnd: Int32Array = new Int32Array(0);
  /** [numbers][setWords] the sequences that use the expert. */
  users: Int32Array = new Int32Array(0);
  /** [batches][setWords] the sequences that are in the batch. */
  members: Int32Array = new Int32Array(0);
  /** [batches][sequences] experts that the batch would activate besides, were the sequence in it. */
  growth: Int32Array = new Int32Array(0);
  /** [sequences] experts that the sequence's batch would not activate without it. */
  alone: Int32Array = new Int32Array(0);
  /** [sequences] -1: in none yet. */
  batchOf: Int32Array = new Int32Array(0);
  /** [batches] places that are not taken. */
  room: Int32Array = new Int32Array(0);
  /** [sequences][sequences] what two have in common; see findCommon in clusters.ts. */
  common: Int32Array = new Int32Array(0);
  /** [batches][sequences] the sum of what the sequence has in common with the batch's members. */
  ties: Int32Array = new Int32Array(0);
  /** [batches] */
  share: Float64Array = new Float64Array(0);
  /** [users + 1] what an expert is worth as something in common; see worthByUsers. */
  worth: Int32Array = new Int32Array(0);
  /** [batches][words] what batches activate. */
  unions: Int32Array = new Int32Array(0);
  /** Some sequences. */
  list: Int32Array = new Int32Array(0);
  /** [words] experts whose cost depends on the grouping. */
  shared: Int32Array = new Int32Array(0);
  /** Experts that are activated, of these, and of the others, whatever the grouping. */
  activated = 0;
  fixed = 0;

  /**
   * Reads the sets. An expert that only one sequence uses is activated once, and one that all use by all batches: they cost the
   * same whatever the grouping, and are only counted.
   */
  read(routes: readonly Uint32Array[], batches: number, free?: Uint32Array): void {
    const words = routes[0]?.length ?? 0;
    this.sequences = routes.length;
    this.batches = batches;
    this.setWords = (routes.length + 31) >>> 5;
    this.#reserve(words);
    this.#findShared(routes, words, free);
    this.#readUses(routes, words);
  }

  /** Memory for {@link activatedExperts}. */
  unionsOf(batches: number, words: number): Int32Array {
    if (this.unions.length < batches * words) this.unions = new Int32Array(batches * words);
    return this.unions;
  }

  /** Takes all sequences out of their batches. */
  empty(sizes: ArrayLike<number>): void {
    const { sequences, batches, setWords, useEnd, growth } = this;
    this.members.fill(0, 0, batches * setWords);
    this.alone.fill(0, 0, sequences);
    this.batchOf.fill(-1, 0, sequences);
    this.activated = 0;
    for (let batch = 0, at = 0; batch < batches; batch++) {
      this.room[batch] = sizes[batch] as number;
      for (let sequence = 0; sequence < sequences; sequence++) {
        growth[at++] = (useEnd[sequence + 1] as number) - (useEnd[sequence] as number);
      }
    }
  }

  #findShared(routes: readonly Uint32Array[], words: number, free: Uint32Array | undefined): void {
    const { shared } = this;
    this.fixed = 0;
    for (let word = 0; word < words; word++) {
      let any = 0;
      let several = 0;
      let all = -1;
      for (let sequence = 0; sequence < routes.length; sequence++) {
        const bits = (routes[sequence] as Uint32Array)[word] as number;
        several |= any & bits;
        any |= bits;
        all &= bits;
      }
      // What a single sequence uses is used by all.
      const costly = free ? ~(free[word] as number) : -1;
      this.fixed += countBits(any & ~several & ~all & costly) + this.batches * countBits(all & costly);
      shared[word] = several & ~all & costly;
    }
  }

  #readUses(routes: readonly Uint32Array[], words: number): void {
    const { useEnd, users, setWords, shared } = this;
    let at = 0;
    for (let sequence = 0; sequence < routes.length; sequence++) {
      const route = routes[sequence] as Uint32Array;
      if (this.uses.length < at + 32 * words) this.uses = grown(this.uses, at + 32 * words);
      const uses = this.uses;
      const setWord = sequence >>> 5;
      const bit = 1 << (sequence & 31);
      for (let word = 0; word < words; word++) {
        const last = (word << 5) + 31;
        for (let bits = (route[word] as number) & (shared[word] as number); bits !== 0; bits &= bits - 1) {
          const number = last - Math.clz32(bits & -bits);
          uses[at++] = number;
          const user = number * setWords + setWord;
          users[user] = (users[user] as number) | bit;
        }
      }
      useEnd[sequence + 1] = at;
    }
  }

  #reserve(words: number): void {
    const { sequences, batches, setWords } = this;
    if (this.batchOf.length < sequences) {
      this.batchOf = new Int32Array(sequences);
      this.alone = new Int32Array(sequences);
      this.useEnd = new Int32Array(sequences + 1);
      this.list = new Int32Array(sequences);
      this.common = new Int32Array(sequences * sequences);
    }
    if (this.shared.length < words) this.shared = new Int32Array(words);
    const all = 32 * words * setWords;
    if (this.users.length < all) this.users = new Int32Array(all);
    else this.users.fill(0, 0, all);
    if (this.room.length < batches) {
      this.room = new Int32Array(batches);
      this.share = new Float64Array(batches);
    }
    if (this.members.length < batches * setWords) this.members = new Int32Array(batches * setWords);
    if (this.growth.length < batches * sequences) {
      this.growth = new Int32Array(batches * sequences);
      this.ties = new Int32Array(batches * sequences);
    }
    if (this.worth.length !== sequences + 1) this.worth = worthByUsers(sequences);
  }
}

function grown(values: Int32Array, least: number): Int32Array {
  const larger = new Int32Array(Math.max(least, 2 * values.length));
  larger.set(values);
  return larger;
}
