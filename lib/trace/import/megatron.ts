/**
 * Megatron's RouterTracer: JSON lines `{step, stage, block, layer, rank, num_tokens, topk, top_indices}`, a line per layer and batch.
 * What a rank computes in a step is taken for tokens of one sequence, which is numbered by the rank.
 */

import { InvalidFileError } from '../../errors.js';
import type { Trace, TraceHeader, TraceTokens } from '../trace.js';
import { addPass, type Pass, tokensOfPass } from './batches.js';
import type { ImportOptions, TraceFormat } from './format.js';
import { linesOf, parseJson } from './lines.js';
import { TokenBuffer } from './token-buffer.js';

export const megatron: TraceFormat = {
  name: 'megatron',
  what: 'Megatron RouterTracer, JSON lines',
  matches: ({ text }) => /^\s*\{[^\n]*"top_indices"\s*:/.test(text),
  open,
};

interface Batch {
  step: number;
  layer: number;
  rank: number;
  experts: number[][];
  where: string;
}

async function open(path: string, options: ImportOptions): Promise<Trace> {
  const layers = new Set<number>();
  let highest = 0;
  let k = 0;
  for await (const { layer, experts } of batchesOf(path)) {
    layers.add(layer);
    k ||= experts[0]?.length ?? 0;
    for (const expert of experts.flat()) if (expert > highest) highest = expert;
  }
  if (k === 0) throw new InvalidFileError(`${path}: there are no routes in it`);
  const header = { layers: layers.size, experts: options.experts ?? highest + 1, k, ranked: true };
  const numbers = [...layers].sort((a, b) => a - b);
  return { ...header, chunks: () => chunksOf(path, header, numbers) };
}

async function* batchesOf(path: string): AsyncGenerator<Batch> {
  for await (const { text, where } of linesOf(path)) {
    const line = parseJson(text, where) as Record<string, unknown>;
    const integer = (name: string): number => {
      const value = line[name];
      if (!Number.isInteger(value) || (value as number) < 0)
        throw new InvalidFileError(`${where}: ${name} is ${value}`);
      return value as number;
    };
    const experts = line.top_indices;
    if (!Array.isArray(experts) || !experts.every(Array.isArray)) {
      throw new InvalidFileError(`${where}: top_indices is not an array of arrays`);
    }
    if (line.num_tokens !== undefined && integer('num_tokens') !== experts.length) {
      throw new InvalidFileError(`${where}: ${experts.length} rows of top_indices for ${line.num_tokens} tokens`);
    }
    yield { step: integer('step'), layer: integer('layer'), rank: integer('rank'), experts, where };
  }
}

async function* chunksOf(path: string, header: TraceHeader, layers: number[]): AsyncGenerator<TraceTokens> {
  const buffer = new TokenBuffer(header, false);
  const positions = new Map<number, number>();
  const open = new Map<number, { step: number; pass: Pass }>();
  function* flush(rank: number): Generator<TraceTokens> {
    const { pass } = open.get(rank) ?? { pass: new Map() };
    const position = positions.get(rank) ?? 0;
    yield* addPass(buffer, pass, layers, rank, position);
    positions.set(rank, position + tokensOfPass(pass));
  }
  for await (const { step, layer, rank, experts, where } of batchesOf(path)) {
    const under = open.get(rank);
    // The same layer again is the next micro-batch.
    if (under && (under.step !== step || under.pass.has(layer))) yield* flush(rank);
    if (!under || under.step !== step || under.pass.has(layer)) open.set(rank, { step, pass: new Map() });
    open.get(rank)?.pass.set(layer, { experts, where });
  }
  for (const rank of open.keys()) yield* flush(rank);
  yield buffer.take();
}
