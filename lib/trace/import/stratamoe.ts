/** stratamoe-lab's `router-trace` (JSON): `selections[token][layer][k]`; prompts only, their ends in `capture-metadata.json` beside it. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidFileError } from '../../errors.js';
import { PREFILL, type Trace, type TraceHeader, type TraceTokens } from '../trace.js';
import type { TraceFormat } from './format.js';
import { cannotRead, checkCounts, parseJson } from './lines.js';
import { TokenBuffer } from './token-buffer.js';

export const stratamoe: TraceFormat = {
  name: 'stratamoe',
  what: 'Labeeb2339/stratamoe-lab router-trace, JSON',
  matches: ({ text }) => /^\s*\{/.test(text) && /"expertsPerLayer"\s*:/.test(text) && /"selections"\s*:/.test(text),
  open,
};

async function open(path: string): Promise<Trace> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw cannotRead(path, error);
  });
  const { layers, expertsPerLayer, topK, selections, source } = parseJson(text, path) as Record<string, unknown>;
  if (!Array.isArray(selections)) throw new InvalidFileError(`${path}: selections is not an array`);
  checkCounts({ layers, expertsPerLayer, topK }, path);
  const model = (source as { model?: { id?: string } } | undefined)?.model?.id;
  const header = { layers, experts: expertsPerLayer, k: topK, ranked: true, model } as TraceHeader;
  const ends = await endsOfPrompts(join(dirname(path), 'capture-metadata.json'), selections.length);
  return {
    ...header,
    chunks: async function* () {
      yield* chunksOf(path, header, selections as number[][][], ends);
    },
  };
}

async function endsOfPrompts(path: string, tokens: number): Promise<number[]> {
  if (!existsSync(path)) return [tokens];
  const { prompt_spans } = parseJson(await readFile(path, 'utf8'), path) as { prompt_spans?: unknown };
  const ends = Array.isArray(prompt_spans) ? prompt_spans.map((span) => span?.token_end_exclusive) : [];
  const rises = ends.every((end, i) => Number.isInteger(end) && end > (ends[i - 1] ?? 0));
  if (!rises || ends.at(-1) !== tokens) {
    throw new InvalidFileError(`${path}: its prompt_spans do not cover the ${tokens} tokens of the trace`);
  }
  return ends;
}

function* chunksOf(
  path: string,
  header: TraceHeader,
  selections: number[][][],
  ends: number[],
): Generator<TraceTokens> {
  const buffer = new TokenBuffer(header, false);
  let sequence = 0;
  for (const [i, experts] of selections.entries()) {
    if (i === ends[sequence]) sequence++;
    const position = i - (ends[sequence - 1] ?? 0);
    const where = `${path}: selections[${i}]`;
    if (!Array.isArray(experts)) throw new InvalidFileError(`${where} is not an array`);
    buffer.add({ sequence, position, phase: PREFILL, experts }, where);
    if (buffer.full) yield buffer.take();
  }
  yield buffer.take();
}
