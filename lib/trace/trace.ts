/** Routing traces: which experts each token went to. Whatever records, reads or analyses routes speaks in these types. */

/** What holds for a whole trace. */
export interface TraceHeader {
  /** Layers with experts. They count from 0, whatever the model's number of the first one. */
  layers: number;
  /** Experts per layer. */
  experts: number;
  /** Experts per token and layer. */
  k: number;
  /** Whether each token's experts are in the router's order, the most wanted first. */
  ranked: boolean;
  model?: string;
  /** Tells files of one name apart: see {@link modelHash}. */
  modelHash?: string;
  architecture?: string;
  /** [layers] bytes of one expert of each layer. */
  expertBytes?: number[];
}

/** A token of a prompt, or one that was generated and read back. */
export const phases = ['prefill', 'decode'] as const;
export const PREFILL = 0;
export const DECODE = 1;

/** Expert of a token at a layer that was not recorded. */
export const NOT_RECORDED = -1;

/** Some tokens, in the order in which they were computed; sequences may alternate. */
export interface TraceTokens {
  count: number;
  /** [count] */
  sequence: Int32Array;
  /** [count] of the token in its sequence. */
  position: Int32Array;
  /** [count] the token's id, -1 if it is not known. */
  token: Int32Array;
  /** [count] {@link PREFILL} or {@link DECODE}. */
  phase: Uint8Array;
  /** [count][layers][k], flat; all k of a layer are {@link NOT_RECORDED}, or none. */
  experts: Int32Array;
  /** Same shape: the factors of the experts' outputs. */
  weights?: Float32Array;
}

/** A trace of any length; each call of `chunks` reads it from the beginning. */
export interface Trace extends TraceHeader {
  chunks(): AsyncIterable<TraceTokens>;
}

/** A trace that is in memory. */
export function traceInMemory(header: TraceHeader, ...parts: TraceTokens[]): Trace {
  return {
    ...header,
    async *chunks() {
      yield* parts;
    },
  };
}

/** Tokens of one sequence that follow each other, from their routes alone. */
export function tokensOf(
  { layers, k }: TraceHeader,
  experts: Int32Array,
  { sequence = 0, phase = DECODE, weights }: { sequence?: number; phase?: number; weights?: Float32Array } = {},
): TraceTokens {
  const count = experts.length / (layers * k);
  return {
    count,
    sequence: new Int32Array(count).fill(sequence),
    position: Int32Array.from({ length: count }, (_, i) => i),
    token: new Int32Array(count).fill(-1),
    phase: new Uint8Array(count).fill(phase),
    experts,
    weights,
  };
}
