/** Recording the routes of generations. */

import type { GenerateOptions } from '../generation/options.js';
import type { GenerationResult } from '../generation/result.js';
import type { Model, Prompt } from '../model/model.js';
import { modelHash } from './model-hash.js';
import { DECODE, PREFILL, type TraceHeader, type TraceTokens } from './trace.js';
import { TraceWriter, type TraceWriterOptions } from './writer.js';

export interface RecordOptions extends GenerateOptions, TraceWriterOptions {
  /** Called after each sequence. */
  onSequence?: (sequence: number, result: GenerationResult) => void;
}

export interface Recording {
  sequences: number;
  tokens: number;
}

/**
 * Generates from each prompt in turn and writes the routes of all its tokens but the last, which no step has read. Aborting the
 * signal ends the sequence under way where it is; what was computed until then is recorded.
 *
 * @param path as for {@link TraceWriter}
 * @throws as Model.generate and TraceWriter; what was recorded before stays readable
 */
export async function recordTrace(
  model: Model,
  prompts: Iterable<Prompt> | AsyncIterable<Prompt>,
  path: string,
  options: RecordOptions = {},
): Promise<Recording> {
  const { onSequence, partTokens, partSeconds, signal, ...generate } = options;
  await using writer = await TraceWriter.create(path, await headerOf(model), { partTokens, partSeconds });
  const recording: Recording = { sequences: 0, tokens: 0 };
  for await (const prompt of prompts) {
    if (signal?.aborted) break;
    const ids = model.promptTokens(prompt);
    const generation = model.generate(ids, { ...generate, routing: true });
    const stop = () => generation.stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const result = await generation.result;
      const tokens = tokensOfResult(recording.sequences, ids, result);
      if (tokens.count > 0) await writer.write(tokens);
      onSequence?.(recording.sequences, result);
      recording.sequences++;
      recording.tokens += tokens.count;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }
  return recording;
}

/** What a trace says of a model. */
export async function headerOf({ info }: Model): Promise<TraceHeader> {
  return {
    layers: info.expertLayers,
    experts: info.experts,
    k: info.expertsUsed,
    ranked: true,
    model: info.name,
    modelHash: await modelHash(info.paths[0] as string),
    architecture: info.architecture,
    expertBytes: info.bytesPerExpertByLayer,
  };
}

function tokensOfResult(sequence: number, prompt: Int32Array, { tokens, routing }: GenerationResult): TraceTokens {
  const count = routing?.tokens ?? 0;
  const all = [...prompt, ...tokens].slice(0, count);
  return {
    count,
    sequence: new Int32Array(count).fill(sequence),
    position: Int32Array.from({ length: count }, (_, i) => i),
    token: Int32Array.from(all),
    phase: Uint8Array.from({ length: count }, (_, i) => (i < prompt.length ? PREFILL : DECODE)),
    experts: routing?.experts ?? new Int32Array(),
    weights: routing?.weights ?? new Float32Array(),
  };
}
