/** What `moeflow inspect` says: one object, and the same as text. */

import type { Inspection } from '../index.js';
import { formatBytes, formatCount, formatShare, formatTable } from '../report/format.js';

interface TensorType {
  count: number;
  bytes: number;
  /** Of all tensor bytes. */
  share: number;
}

/** Sizes are bytes. */
export interface InspectionReport {
  architecture: string;
  name: string;
  runs: boolean;
  /** Why moeflow cannot run it. */
  problem?: string;
  model?: {
    layers: number;
    expertLayers: number;
    expertsPerLayer: number;
    expertsUsed: number;
    contextLength: number;
    smallestExpertBytes: number;
    largestExpertBytes: number;
    expertBytes: number;
    denseBytes: number;
    activeBytesPerToken: number;
    /** Of 1024 tokens. */
    kvBytesPer1kContext: { f16: number; f32: number };
  };
  tokenizer: { model: string; pre: string; vocabulary: number };
  tensors: { count: number; bytes: number; types: Record<string, TensorType> };
  shards: string[];
}

export function reportOf({ metadata, tensors, model, problem }: Inspection): InspectionReport {
  const text = (key: string) => (typeof metadata[key] === 'string' ? metadata[key] : '');
  const tokens = metadata['tokenizer.ggml.tokens'];
  return {
    architecture: text('general.architecture'),
    name: text('general.name'),
    runs: model !== undefined,
    ...(problem === undefined ? {} : { problem }),
    ...(model && {
      model: {
        layers: model.layers,
        expertLayers: model.expertLayers,
        expertsPerLayer: model.experts,
        expertsUsed: model.expertsUsed,
        contextLength: model.trainedContextLength,
        smallestExpertBytes: model.smallestExpertBytes,
        largestExpertBytes: model.largestExpertBytes,
        expertBytes: model.expertBytes,
        denseBytes: model.denseBytes,
        activeBytesPerToken: model.activeBytesPerToken,
        kvBytesPer1kContext: { f16: model.kvBytesPerTokenF16 * 1024, f32: model.kvBytesPerTokenF32 * 1024 },
      },
    }),
    tokenizer: {
      model: text('tokenizer.ggml.model'),
      pre: text('tokenizer.ggml.pre'),
      vocabulary: Array.isArray(tokens) ? tokens.length : 0,
    },
    tensors: tensorsOf(tensors),
    shards: [...new Set(tensors.map((tensor) => tensor.file))],
  };
}

function tensorsOf(tensors: Inspection['tensors']): InspectionReport['tensors'] {
  const total = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const types: Record<string, TensorType> = {};
  for (const { type, bytes } of tensors) {
    types[type] ??= { count: 0, bytes: 0, share: 0 };
    const entry = types[type];
    entry.count++;
    entry.bytes += bytes;
    entry.share = entry.bytes / total;
  }
  const bySize = Object.entries(types).sort(([, a], [, b]) => b.bytes - a.bytes);
  return { count: tensors.length, bytes: total, types: Object.fromEntries(bySize) };
}

export function textOf(report: InspectionReport): string {
  const { model, tokenizer, tensors, shards } = report;
  const facts = [
    ['architecture', report.architecture || 'not told'],
    ['name', report.name || 'not told'],
    ...(model ? modelRows(model) : []),
    ['tokenizer', tokenizerText(tokenizer)],
    [shards.length > 1 ? `${shards.length} shards` : 'file', shards[0] ?? ''],
    ...shards.slice(1).map((shard) => ['', shard]),
  ];
  const types = Object.entries(tensors.types).map(([type, { count, bytes, share }]) => [
    type,
    formatCount(count),
    formatBytes(bytes),
    formatShare(share),
  ]);
  const table = formatTable(
    [
      ['tensors', 'count', 'size', 'share'],
      ...types,
      ['all', formatCount(tensors.count), formatBytes(tensors.bytes), ''],
    ],
    [1, 2, 3],
  );
  const problem = report.runs ? '' : `\nmoeflow cannot run this file: ${report.problem ?? 'no reason is known'}\n`;
  return `${formatTable(facts)}\n${table}${problem}`;
}

function modelRows(model: NonNullable<InspectionReport['model']>): string[][] {
  const { smallestExpertBytes: smallest, largestExpertBytes: largest, kvBytesPer1kContext: kv } = model;
  const withExperts = model.expertLayers === model.layers ? '' : `, ${model.expertLayers} of them with experts`;
  return [
    ['layers', `${model.layers}${withExperts}`],
    ['experts', `${model.expertsPerLayer} per layer, ${model.expertsUsed} used per token`],
    ['context', `${formatCount(model.contextLength)} tokens`],
    ['one expert', smallest === largest ? formatBytes(largest) : `${formatBytes(smallest)} to ${formatBytes(largest)}`],
    ['all experts', formatBytes(model.expertBytes)],
    ['dense weights', formatBytes(model.denseBytes)],
    ['read per token', formatBytes(model.activeBytesPerToken)],
    ['KV cache', `${formatBytes(kv.f16)} (f16) or ${formatBytes(kv.f32)} (f32) per 1,024 tokens`],
  ];
}

function tokenizerText({ model, pre, vocabulary }: InspectionReport['tokenizer']): string {
  if (model === '') return 'none';
  return `${model}${pre && `, pre-tokenizer ${pre}`}, ${formatCount(vocabulary)} tokens`;
}
