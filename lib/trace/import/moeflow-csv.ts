/** Our own CSV: the header as a comment, then a line per token, layer and expert; see export/csv.ts. */

import { InvalidFileError } from '../../errors.js';
import { headerFromJson, headerKey } from '../header.js';
import { phases, type Trace, type TraceHeader, type TraceTokens } from '../trace.js';
import { CsvColumns, integerIn } from './csv.js';
import type { TraceFormat } from './format.js';
import { linesOf } from './lines.js';
import { type SingleToken, TokenBuffer } from './token-buffer.js';

const mark = `# ${headerKey} `;

export const moeflowCsv: TraceFormat = {
  name: 'csv',
  what: 'moeflow trace export, CSV',
  matches: ({ text }) => text.startsWith(mark),
  open,
};

async function open(path: string): Promise<Trace> {
  for await (const { text, where } of linesOf(path)) {
    const header = headerFromJson(text.slice(mark.length), where);
    return { ...header, chunks: () => chunksOf(path, header) };
  }
  throw new InvalidFileError(`${path} is empty`);
}

interface OpenToken extends SingleToken {
  experts: (number[] | undefined)[];
  weights: (number[] | undefined)[];
  where: string;
}

async function* chunksOf(path: string, header: TraceHeader): AsyncGenerator<TraceTokens> {
  let columns: CsvColumns | undefined;
  let buffer: TokenBuffer | undefined;
  let token: OpenToken | undefined;
  for await (const { text, where } of linesOf(path)) {
    if (text.startsWith('#')) continue;
    if (!columns) {
      columns = new CsvColumns(text, where);
      buffer = new TokenBuffer(header, columns.has('weight'));
      continue;
    }
    const values = columns.split(text, where);
    const value = (name: string) => values[(columns as CsvColumns).index(name)];
    const integer = (name: string) => integerIn(value(name), name, where);
    const [sequence, position, layer, rank] = ['sequence', 'position', 'layer', 'rank'].map(integer) as [
      number,
      number,
      number,
      number,
    ];
    if (layer < 0 || layer >= header.layers) throw new InvalidFileError(`${where}: layer ${layer} of ${header.layers}`);
    if (token?.sequence !== sequence || token.position !== position) {
      if (token) buffer?.add(token, token.where);
      if (buffer?.full) yield buffer.take();
      token = {
        sequence,
        position,
        token: value('token') === '' ? undefined : integer('token'),
        phase: phases.indexOf(value('phase') as (typeof phases)[number]) >>> 0,
        experts: Array(header.layers).fill(undefined),
        weights: Array(header.layers).fill(undefined),
        where,
      };
    }
    token.experts[layer] ??= [];
    token.weights[layer] ??= [];
    if (token.experts[layer]?.length !== rank) {
      throw new InvalidFileError(`${where}: rank ${rank} comes when rank ${token.experts[layer]?.length} should`);
    }
    token.experts[layer]?.push(integer('expert'));
    if (columns.has('weight')) token.weights[layer]?.push(Number(value('weight') || Number.NaN));
  }
  if (token) buffer?.add(token, token.where);
  if (buffer) yield buffer.take();
}
