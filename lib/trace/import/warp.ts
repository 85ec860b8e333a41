/** `{"tok": 1, "layers": [[ids], ...]}`, a line per generated token of one sequence; the order of the experts is lost. */

import { InvalidFileError } from '../../errors.js';
import type { Trace, TraceHeader, TraceTokens } from '../trace.js';
import type { ImportOptions, TraceFormat } from './format.js';
import { type Line, linesOf, parseJson } from './lines.js';
import { TokenBuffer } from './token-buffer.js';

export const warp: TraceFormat = {
  name: 'warp',
  what: 'sqliteai/warp, JSON lines',
  matches: ({ text }) => /^\s*\{\s*"tok"\s*:/.test(text),
  open,
};

async function open(path: string, options: ImportOptions): Promise<Trace> {
  const header = { ...(await shapeOf(path)), ranked: false };
  if (options.experts !== undefined) header.experts = options.experts;
  return { ...header, chunks: () => chunksOf(path, header) };
}

/** From one pass over the file. */
async function shapeOf(path: string): Promise<Omit<TraceHeader, 'ranked'>> {
  let layers = 0;
  let k = 0;
  let highest = 0;
  for await (const line of linesOf(path)) {
    const route = parseLine(line).layers;
    layers ||= route.length;
    k ||= route[0]?.length ?? 0;
    for (const experts of route) for (const expert of experts) if (expert > highest) highest = expert;
  }
  if (layers === 0 || k === 0) throw new InvalidFileError(`${path}: there are no routes in it`);
  return { layers, k, experts: highest + 1 };
}

async function* chunksOf(path: string, header: TraceHeader): AsyncGenerator<TraceTokens> {
  const buffer = new TokenBuffer(header, false);
  let first: number | undefined;
  for await (const line of linesOf(path)) {
    const { tok, layers } = parseLine(line);
    first ??= tok;
    buffer.add({ sequence: 0, position: tok - first, experts: layers }, line.where);
    if (buffer.full) yield buffer.take();
  }
  yield buffer.take();
}

function parseLine({ text, where }: Line): { tok: number; layers: number[][] } {
  const { tok, layers } = parseJson(text, where) as { tok?: unknown; layers?: unknown };
  if (!Number.isInteger(tok)) throw new InvalidFileError(`${where}: tok is ${JSON.stringify(tok)}, not a number`);
  if (!Array.isArray(layers) || !layers.every(Array.isArray)) {
    throw new InvalidFileError(`${where}: layers is not an array of arrays`);
  }
  return { tok: tok as number, layers: layers as number[][] };
}
