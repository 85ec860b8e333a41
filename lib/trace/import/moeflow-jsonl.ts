/** Our own JSON lines: the header, then a line per token; see export/jsonl.ts. */

import { InvalidFileError } from '../../errors.js';
import { headerFromJson, headerKey } from '../header.js';
import { phases, type Trace, type TraceHeader, type TraceTokens } from '../trace.js';
import type { TraceFormat } from './format.js';
import { type Line, linesOf, parseJson } from './lines.js';
import { type SingleToken, TokenBuffer } from './token-buffer.js';

export const moeflowJsonl: TraceFormat = {
  name: 'jsonl',
  what: 'moeflow trace export, JSON lines',
  matches: ({ text }) => text.startsWith(`{"${headerKey}":`),
  open,
};

async function open(path: string): Promise<Trace> {
  for await (const { text, where } of linesOf(path)) {
    const first = parseJson(text, where) as Record<string, unknown>;
    const header = headerFromJson(JSON.stringify(first[headerKey] ?? {}), where);
    return { ...header, chunks: () => chunksOf(path, header) };
  }
  throw new InvalidFileError(`${path} is empty`);
}

async function* chunksOf(path: string, header: TraceHeader): AsyncGenerator<TraceTokens> {
  let buffer: TokenBuffer | undefined;
  let isHeader = true;
  for await (const line of linesOf(path)) {
    if (isHeader) {
      isHeader = false;
      continue;
    }
    const token = parseToken(line);
    buffer ??= new TokenBuffer(header, token.weights !== undefined);
    buffer.add(token, line.where);
    if (buffer.full) yield buffer.take();
  }
  if (buffer) yield buffer.take();
}

function parseToken({ text, where }: Line): SingleToken {
  const { sequence, position, token, phase, experts, weights } = parseJson(text, where) as Record<string, unknown>;
  for (const [name, value] of Object.entries({ sequence, position, token: token ?? 0 })) {
    if (!Number.isInteger(value)) throw new InvalidFileError(`${where}: ${name} is ${JSON.stringify(value)}`);
  }
  for (const [name, layers] of Object.entries({ experts, weights: weights ?? [] })) {
    if (!Array.isArray(layers) || !layers.every((layer) => layer === null || Array.isArray(layer))) {
      throw new InvalidFileError(`${where}: ${name} is not an array of arrays`);
    }
  }
  return {
    sequence: sequence as number,
    position: position as number,
    token: (token as number | null) ?? undefined,
    phase: phases.indexOf(phase as (typeof phases)[number]) >>> 0,
    experts: (experts as (number[] | null)[]).map((layer) => layer ?? undefined),
    weights: (weights as (number[] | null)[] | undefined)?.map((layer) => layer ?? undefined),
  };
}
