/** Tokens that come one by one, gathered into chunks and checked. */

import { InvalidFileError } from '../../errors.js';
import { problemOfRow } from '../check-tokens.js';
import { DECODE, NOT_RECORDED, type TraceHeader, type TraceTokens } from '../trace.js';

export interface SingleToken {
  sequence: number;
  position: number;
  /** Id, if it is known. */
  token?: number;
  /** Default: decode. */
  phase?: number;
  /** [layers][k]; a layer that is undefined was not recorded. */
  experts: readonly (ArrayLike<number> | undefined)[];
  weights?: readonly (ArrayLike<number> | undefined)[];
}

export class TokenBuffer {
  readonly #header: TraceHeader;
  readonly #weighted: boolean;
  readonly #size: number;
  #tokens: TraceTokens;

  constructor(header: TraceHeader, weighted: boolean) {
    this.#header = header;
    this.#weighted = weighted;
    this.#size = Math.max(1, Math.min(4096, Math.floor(2 ** 22 / (header.layers * header.k))));
    this.#tokens = this.#empty();
  }

  /** Nothing more fits before {@link take}. */
  get full(): boolean {
    return this.#tokens.count === this.#size;
  }

  /** @throws InvalidFileError beginning with `where`, the token's place: "routes.csv:17" */
  add(one: SingleToken, where: string): void {
    const { layers, k } = this.#header;
    const all = this.#tokens;
    const row = all.count;
    const fail = (what: string): never => {
      throw new InvalidFileError(`${where}: ${what}`);
    };
    if (one.experts.length !== layers) fail(`routes of ${one.experts.length} layers; the trace has ${layers}`);
    const store = (array: Int32Array, at: number, value: number, name: string) => {
      if (!Number.isInteger(value) || value >= 2 ** 31) fail(`${name} ${value} is no whole number below 2^31`);
      array[at] = value;
    };
    store(all.sequence, row, one.sequence, 'sequence');
    store(all.position, row, one.position, 'position');
    store(all.token, row, one.token ?? -1, 'token');
    all.phase[row] = one.phase ?? DECODE;
    one.experts.forEach((experts, layer) => {
      const at = (row * layers + layer) * k;
      if (!experts) {
        all.experts.fill(NOT_RECORDED, at, at + k);
        all.weights?.fill(0, at, at + k);
        return;
      }
      if (experts.length !== k) fail(`layer ${layer}: ${experts.length} experts; the trace has ${k} per token`);
      const weights = one.weights?.[layer];
      if (all.weights && weights?.length !== k)
        fail(`layer ${layer}: ${weights?.length ?? 0} weights for ${k} experts`);
      for (let i = 0; i < k; i++) store(all.experts, at + i, experts[i] as number, `layer ${layer}: expert`);
      if (weights) all.weights?.set(weights, at);
    });
    const problem = problemOfRow(this.#header, all, row);
    if (problem) fail(problem);
    all.count++;
  }

  /** The tokens so far; the buffer is empty afterwards. */
  take(): TraceTokens {
    const { count, sequence, position, token, phase, experts, weights } = this.#tokens;
    const width = this.#header.layers * this.#header.k;
    this.#tokens = this.#empty();
    return {
      count,
      sequence: sequence.subarray(0, count),
      position: position.subarray(0, count),
      token: token.subarray(0, count),
      phase: phase.subarray(0, count),
      experts: experts.subarray(0, count * width),
      weights: weights?.subarray(0, count * width),
    };
  }

  #empty(): TraceTokens {
    const size = this.#size;
    const values = size * this.#header.layers * this.#header.k;
    return {
      count: 0,
      sequence: new Int32Array(size),
      position: new Int32Array(size),
      token: new Int32Array(size),
      phase: new Uint8Array(size),
      experts: new Int32Array(values),
      weights: this.#weighted ? new Float32Array(values) : undefined,
    };
  }
}
