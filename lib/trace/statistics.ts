/** What a trace is like: how much routes repeat, and how evenly they use the experts. From one pass. */

import { countUses } from './count-uses.js';
import { DECODE, NOT_RECORDED, type Trace, type TraceHeader, type TraceTokens } from './trace.js';

/** How many of a token's experts the token before used too, in the same layer and sequence. */
export interface Reuse {
  reused: number;
  of: number;
  /** reused / of; 0 if there are no neighbours. */
  rate: number;
}

export interface LayerStatistics {
  /** [experts] tokens that used each. */
  load: number[];
  /** Shannon entropy of the load in bits, and its share of log2(experts): 1 if all are used alike. */
  entropy: number;
  entropyShare: number;
  /** The most used expert's load over the mean. */
  imbalance: number;
  reuse: Reuse;
}

export interface TraceStatistics {
  tokens: number;
  prefillTokens: number;
  decodeTokens: number;
  sequences: number;
  /** Between neighbouring generated tokens, over all layers. */
  reuse: Reuse;
  /** The mean of the sequences' own rates. */
  meanReuse: number;
  /** Between neighbouring tokens of prompts. */
  prefillReuse: Reuse;
  /** Reuse is that of generated tokens; where there are none, that of prompts. */
  perLayer: LayerStatistics[];
}

/** The counts behind a rate. */
interface Counts {
  reused: number;
  of: number;
}

interface SequenceState {
  /** Its last token. */
  position: number;
  phase: number;
  experts: Int32Array;
  decode: Counts;
}

/** @throws the signal's reason, and as the trace's chunks */
export async function traceStatistics(trace: Trace, signal?: AbortSignal): Promise<TraceStatistics> {
  const { layers, experts } = trace;
  const uses = new Float64Array(layers * experts);
  const decode = Array.from({ length: layers }, () => ({ reused: 0, of: 0 }));
  const prefill = Array.from({ length: layers }, () => ({ reused: 0, of: 0 }));
  const sequences = new Map<number, SequenceState>();
  const tokens = [0, 0];
  for await (const chunk of trace.chunks()) {
    signal?.throwIfAborted();
    countUses(trace, chunk, uses);
    for (let row = 0; row < chunk.count; row++) {
      const phase = chunk.phase[row] as number;
      tokens[phase] = (tokens[phase] as number) + 1;
      const before = sequences.get(chunk.sequence[row] as number);
      if (before && before.phase === phase && before.position + 1 === chunk.position[row]) {
        for (let layer = 0; layer < layers; layer++) {
          const counts = reuseInLayer(trace, chunk, row, layer, before.experts);
          add((phase === DECODE ? decode : prefill)[layer] as Counts, counts);
          if (phase === DECODE) add(before.decode, counts);
        }
      }
      remember(trace, chunk, row, sequences);
    }
  }
  const [prefillTokens = 0, decodeTokens = 0] = tokens;
  const rates = [...sequences.values()].filter((s) => s.decode.of > 0).map((s) => rated(s.decode).rate);
  return {
    tokens: prefillTokens + decodeTokens,
    prefillTokens,
    decodeTokens,
    sequences: sequences.size,
    reuse: rated(sumOf(decode)),
    meanReuse: rates.reduce((sum, rate) => sum + rate, 0) / (rates.length || 1),
    prefillReuse: rated(sumOf(prefill)),
    perLayer: (decodeTokens > 0 ? decode : prefill).map((counts, layer) => ({
      ...evenness(uses.subarray(layer * experts, (layer + 1) * experts)),
      reuse: rated(counts),
    })),
  };
}

function reuseInLayer(
  { layers, k }: TraceHeader,
  { experts }: TraceTokens,
  row: number,
  layer: number,
  before: Int32Array,
): Counts {
  const at = (row * layers + layer) * k;
  if (experts[at] === NOT_RECORDED || before[layer * k] === NOT_RECORDED) return { reused: 0, of: 0 };
  let reused = 0;
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) if (experts[at + i] === before[layer * k + j]) reused++;
  }
  return { reused, of: k };
}

function remember({ layers, k }: TraceHeader, tokens: TraceTokens, row: number, all: Map<number, SequenceState>): void {
  const sequence = tokens.sequence[row] as number;
  let state = all.get(sequence);
  if (!state) {
    state = { position: 0, phase: 0, experts: new Int32Array(layers * k), decode: { reused: 0, of: 0 } };
    all.set(sequence, state);
  }
  state.position = tokens.position[row] as number;
  state.phase = tokens.phase[row] as number;
  state.experts.set(tokens.experts.subarray(row * layers * k, (row + 1) * layers * k));
}

function evenness(load: Float64Array): Pick<LayerStatistics, 'load' | 'entropy' | 'entropyShare' | 'imbalance'> {
  const total = load.reduce((sum, count) => sum + count, 0);
  let entropy = 0;
  for (const count of load) if (count > 0) entropy -= (count / total) * Math.log2(count / total);
  return {
    load: Array.from(load),
    entropy,
    entropyShare: load.length > 1 ? entropy / Math.log2(load.length) : 1,
    imbalance: total > 0 ? (Math.max(...load) * load.length) / total : 0,
  };
}

function add(sum: Counts, { reused, of }: Counts): void {
  sum.reused += reused;
  sum.of += of;
}

function sumOf(counts: Counts[]): Counts {
  const sum = { reused: 0, of: 0 };
  for (const one of counts) add(sum, one);
  return sum;
}

function rated({ reused, of }: Counts): Reuse {
  return { reused, of, rate: of > 0 ? reused / of : 0 };
}
