/**
 * llama.cpp's moe-trace: CSV, `layer,expert`, a line per token, layer and expert, layer by layer for each batch. Nothing says
 * where a token ends: k is what all runs of one layer have in common.
 */

import { InvalidArgumentError, InvalidFileError } from '../../errors.js';
import type { Trace, TraceHeader, TraceTokens } from '../trace.js';
import { addPass, type Pass, tokensOfPass } from './batches.js';
import { CsvColumns, integerIn } from './csv.js';
import type { ImportOptions, TraceFormat } from './format.js';
import { linesOf } from './lines.js';
import { TokenBuffer } from './token-buffer.js';

export const llamaCpp: TraceFormat = {
  name: 'llama.cpp',
  what: 'llama.cpp moe-trace, CSV of layer,expert',
  matches: ({ text }) => /^layer,expert\s*$/m.test(text.slice(0, 100)),
  open,
};

async function open(path: string, options: ImportOptions): Promise<Trace> {
  const seen = await survey(path);
  const k = options.k ?? seen.k;
  if (seen.k % k !== 0) {
    throw new InvalidArgumentError(`${path}: k = ${k} does not divide its runs of ${seen.k} experts per layer`);
  }
  const header: TraceHeader = {
    layers: seen.layers.length,
    experts: options.experts ?? seen.highest + 1,
    k,
    ranked: true,
  };
  return { ...header, chunks: () => chunksOf(path, header, seen.layers) };
}

interface Run {
  layer: number;
  experts: number[];
  where: string;
}

/** Consecutive lines of one layer. */
async function* runsOf(path: string): AsyncGenerator<Run> {
  let columns: CsvColumns | undefined;
  let run: Run | undefined;
  for await (const { text, where } of linesOf(path)) {
    if (!columns) {
      columns = new CsvColumns(text, where);
      continue;
    }
    const values = columns.split(text, where);
    const layer = integerIn(values[columns.index('layer')], 'layer', where);
    const expert = integerIn(values[columns.index('expert')], 'expert', where);
    if (layer < 0 || expert < 0)
      throw new InvalidFileError(`${where}: layer ${layer}, expert ${expert}; 0 is the least`);
    if (run?.layer !== layer) {
      if (run) yield run;
      run = { layer, experts: [], where };
    }
    run.experts.push(expert);
  }
  if (run) yield run;
}

async function survey(path: string): Promise<{ layers: number[]; highest: number; k: number }> {
  const layers = new Set<number>();
  let highest = 0;
  let k = 0;
  for await (const { layer, experts } of runsOf(path)) {
    layers.add(layer);
    for (const expert of experts) if (expert > highest) highest = expert;
    k = greatestCommonDivisor(k, experts.length);
  }
  if (layers.size === 0) throw new InvalidFileError(`${path}: there are no routes in it`);
  return { layers: [...layers].sort((a, b) => a - b), highest, k };
}

async function* chunksOf(path: string, header: TraceHeader, layers: number[]): AsyncGenerator<TraceTokens> {
  const buffer = new TokenBuffer(header, false);
  let pass: Pass = new Map();
  let last = -1;
  let position = 0;
  for await (const { layer, experts, where } of runsOf(path)) {
    if (layer <= last) {
      yield* addPass(buffer, pass, layers, 0, position);
      position += tokensOfPass(pass);
      pass = new Map();
    }
    const tokens = Array.from({ length: experts.length / header.k }, (_, t) =>
      experts.slice(t * header.k, (t + 1) * header.k),
    );
    pass.set(layer, { experts: tokens, where });
    last = layer;
  }
  yield* addPass(buffer, pass, layers, 0, position);
  yield buffer.take();
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
