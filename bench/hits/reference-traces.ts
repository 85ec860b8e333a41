/** Published routing traces in the formats of their authors, as far as the benchmark needs them. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DECODE,
  NOT_RECORDED,
  PREFILL,
  type Trace,
  type TraceTokens,
  tokensOf,
  traceInMemory,
} from '../../lib/trace/trace.js';

/** AmanPriyanshu/GPT-OSS-MoE-ExpertFingerprinting: uint8 [tokens][24][4], and an index of its sequences. Decoded tokens only. */
export function gptOss20b(folder: string): Trace {
  const place = (name: string) => join(folder, 'AmanPriyanshu__GPT-OSS-MoE-ExpertFingerprinting', name);
  const { sequences } = JSON.parse(readFileSync(place('gptoss20b_index.json'), 'utf8')) as {
    sequences: { n_tokens: number; offset: number }[];
  };
  const header = { model: 'gpt-oss-20b', layers: 24, experts: 32, k: 4, ranked: true };
  const experts = Int32Array.from(readFileSync(place('gptoss20b_experts.u8')));
  const row = header.layers * header.k;
  const parts = sequences.map(({ n_tokens, offset }, sequence) =>
    tokensOf(header, experts.subarray(offset * row, (offset + n_tokens) * row), { sequence }),
  );
  return traceInMemory(header, ...parts);
}

/** sqliteai/warp: a line {"tok":n,"layers":[[ids]]} for each token; one sequence, decoded tokens only, ids sorted. */
export function warp(folder: string, file: string, model: string, experts: number): Trace {
  const lines = readFileSync(join(folder, 'sqliteai__warp', file), 'utf8')
    .trim()
    .split('\n');
  const tokens = lines.map((line) => (JSON.parse(line) as { layers: number[][] }).layers);
  const header = { model, layers: tokens[0]?.length ?? 0, experts, k: tokens[0]?.[0]?.length ?? 0, ranked: false };
  return traceInMemory(header, tokensOf(header, Int32Array.from(tokens.flat(2))));
}

/** Helldez/BigMoeOnEdge: a line for each use; the last layer has seen one token of the prompt only. */
export function bigMoeOnEdge(folder: string, file: string): Trace {
  const lines = readFileSync(join(folder, 'Helldez__BigMoeOnEdge', file), 'utf8')
    .trim()
    .split('\n');
  const notes = lines.filter((line) => line.startsWith('#')).join('\n');
  const number = (name: string) => Number(new RegExp(`\\b${name}[=: ,]+(\\d+)`).exec(notes)?.[1]);
  const [names = '', ...uses] = lines.filter((line) => !line.startsWith('#'));
  const column = (name: string) => names.split(',').indexOf(name);
  const columns = ['phase', 'step', 'layer', 'slot', 'expert'].map(column);
  const rows = uses.map((line) => {
    const values = line.split(',');
    return columns.map((at) => Number(values[at])) as [number, number, number, number, number];
  });
  const layerNumbers = [...new Set(rows.map(([, , layer]) => layer))].sort((a, b) => a - b);
  const header = {
    model: file.replace('.route.csv', ''),
    layers: layerNumbers.length,
    experts: number('n_expert'),
    k: Math.max(...rows.map(([, , , slot]) => slot)) + 1,
    ranked: true,
  };
  const steps = [...new Set(rows.map(([, step]) => step))].sort((a, b) => a - b);
  const row = header.layers * header.k;
  const part: TraceTokens = {
    ...tokensOf(header, new Int32Array(steps.length * row).fill(NOT_RECORDED)),
    position: Int32Array.from(steps),
  };
  for (const [phase, step, layer, slot, expert] of rows) {
    const token = steps.indexOf(step);
    part.phase[token] = phase === 0 ? PREFILL : DECODE;
    part.experts[token * row + layerNumbers.indexOf(layer) * header.k + slot] = expert;
  }
  return traceInMemory(header, part);
}
