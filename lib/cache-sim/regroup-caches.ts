/** Caches that see the steps of a replay. */

import { nativeAddon } from '../native/addon.js';
import type { NativeCancelFlag } from '../native/step.js';
import type { Trace } from '../trace/trace.js';
import { type Capacity, capacityOfBytes, capacityOfSlots } from './capacity.js';
import { type CacheRow, type Chosen, rowOf, simulate, simulatorFor, type trainedPrediction } from './compare.js';
import type { ReplayStep } from './regroup-replay.js';
import type { ReplayedSequence } from './regroup-sequences.js';
import { Piece, pieceTokens, type Steps, withEnds } from './steps.js';

type Trained = Awaited<ReturnType<typeof trainedPrediction>>;

export class ReplayedCaches {
  readonly #trace: Trace;
  readonly #chosen: Chosen;
  readonly #sequences: readonly ReplayedSequence[];
  readonly #capacities: Capacity[];
  readonly #simulators: ReturnType<typeof simulatorFor>[];
  readonly #missing: Map<number, number> | undefined;
  #piece: Piece;

  constructor(
    trace: Trace,
    chosen: Chosen,
    sequences: readonly ReplayedSequence[],
    trained: Trained | undefined,
    flag: NativeCancelFlag = new (nativeAddon().CancelFlag)(),
  ) {
    const { slots, bytes, scope, expertBytes } = chosen;
    this.#trace = trace;
    this.#chosen = chosen;
    this.#sequences = sequences;
    this.#capacities = [
      ...slots.map((count) => capacityOfSlots(trace, count, scope)),
      ...bytes.map((count) => capacityOfBytes(trace, count, scope, expertBytes as number[])),
    ];
    this.#simulators = chosen.policies.map((policy) =>
      simulatorFor(trace, { ...chosen, trained }, policy, this.#capacities, hotOf(trace, chosen, sequences), flag),
    );
    // A forecast is of what stood before; that is forgotten when a sequence is over.
    this.#missing = trained && new Map(sequences.map(({ ids }, index) => [index, ids.length]));
    this.#piece = new Piece(trace.layers * trace.k);
  }

  /** Prompts of the sequences that begin are read before the step. */
  async add({ begun, items }: ReplayStep): Promise<void> {
    for (const index of begun) {
      const { promptTokens } = this.#sequences[index] as ReplayedSequence;
      for (let first = 0; first < promptTokens; first += this.#chosen.promptTokens) {
        const tokens = Math.min(this.#chosen.promptTokens, promptTokens - first);
        for (let token = first; token < first + tokens; token++) this.#take(index, token, false);
        this.#piece.endStep(tokens);
      }
    }
    for (const { index, token } of items) this.#take(index, token, true);
    this.#piece.endStep(items.length);
    if (this.#piece.tokens >= pieceTokens) await this.#push();
  }

  /** Of generated tokens, by policy and capacity. */
  async finish(): Promise<CacheRow[]> {
    if (this.#piece.tokens > 0) await this.#push();
    const results = await Promise.all(this.#simulators.map((simulator) => simulator.finish()));
    return results.flatMap((sizes, i) =>
      sizes.map(({ decode }, size) => {
        const cache = {
          policy: this.#chosen.policies[i] as CacheRow['policy'],
          capacity: this.#capacities[size] as Capacity,
          scope: this.#chosen.scope,
          batch: this.#chosen.batches[0] as number,
        };
        return rowOf(cache, 'decode', decode, this.#chosen);
      }),
    );
  }

  #take(index: number, token: number, generating: boolean): void {
    const { ids, experts } = this.#sequences[index] as ReplayedSequence;
    const row = this.#trace.layers * this.#trace.k;
    const route = experts.subarray(token * row, (token + 1) * row);
    this.#piece.add({ sequence: index, id: ids[token] as number, route }, generating);
  }

  async #push(): Promise<void> {
    const steps: Steps[] = [this.#piece.steps()];
    this.#piece = new Piece(this.#trace.layers * this.#trace.k);
    await simulate(this.#simulators, this.#missing ? withEnds(steps, this.#missing) : steps);
  }
}

/** The list of `static`: the most used. */
function hotOf(
  { layers, experts, k }: Trace,
  { policies }: Chosen,
  sequences: readonly ReplayedSequence[],
): Int32Array {
  if (!policies.includes('static')) return new Int32Array(0);
  const uses = new Float64Array(layers * experts);
  for (const one of sequences) {
    one.experts.forEach((expert, at) => {
      if (expert < 0) return;
      const number = (Math.floor(at / k) % layers) * experts + expert;
      uses[number] = (uses[number] as number) + 1;
    });
  }
  return Int32Array.from(uses.keys()).sort((a, b) => (uses[b] as number) - (uses[a] as number) || a - b);
}
