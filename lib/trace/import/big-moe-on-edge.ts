/**
 * BigMoeOnEdge's `route_trace v1`: CSV, a line per token, layer and expert. A prompt comes layer by layer, generated tokens one
 * after the other. The last layer has the prompt's last token only, as the engine leaves out the others.
 */

import { InvalidFileError } from '../../errors.js';
import { DECODE, PREFILL, type Trace, type TraceHeader, type TraceTokens } from '../trace.js';
import { CsvColumns, integerIn } from './csv.js';
import type { TraceFormat } from './format.js';
import { type Line, linesOf } from './lines.js';
import { TokenBuffer } from './token-buffer.js';

export const bigMoeOnEdge: TraceFormat = {
  name: 'big-moe-on-edge',
  what: 'Helldez/BigMoeOnEdge route_trace v1, CSV',
  matches: ({ text }) => text.startsWith('# route_trace v1'),
  open,
};

async function open(path: string): Promise<Trace> {
  const { header, weighted } = await preambleOf(path);
  return { ...header, chunks: () => chunksOf(path, header, weighted) };
}

async function preambleOf(path: string): Promise<{ header: TraceHeader; weighted: boolean }> {
  const facts = new Map<string, string>();
  const expertBytes: number[] = [];
  let columns: CsvColumns | undefined;
  for await (const { text, where } of linesOf(path)) {
    if (text.startsWith('#')) {
      const pairs = new Map(
        [...text.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key as string, value as string]),
      );
      if (pairs.has('layer')) expertBytes.push(integerIn(pairs.get('expert_bytes'), 'expert_bytes', where));
      else for (const [key, value] of pairs) facts.set(key, value);
    } else if (!columns) {
      columns = new CsvColumns(text, where);
    } else {
      const count = (name: string) => integerIn(facts.get(name), `${name} of the preamble`, path);
      const header: TraceHeader = {
        layers: count('n_layer'),
        experts: count('n_expert'),
        k: count('n_expert_used'),
        ranked: true,
        model: facts.get('model')?.replace(/^.*\//, ''),
        architecture: facts.get('arch'),
        expertBytes: expertBytes.length === count('n_layer') ? expertBytes : undefined,
      };
      // The engine writes nan where it does not know the weights; it does so for all or none.
      const weight = columns.split(text, where)[columns.index('weight')] as string;
      return { header, weighted: weight.toLowerCase() !== 'nan' };
    }
  }
  throw new InvalidFileError(`${path}: there are no routes in it; was the file cut off?`);
}

/** A token whose layers are still coming. */
interface OpenToken {
  position: number;
  experts: (number[] | undefined)[];
  weights: (number[] | undefined)[];
  where: string;
}

async function* chunksOf(path: string, header: TraceHeader, weighted: boolean): AsyncGenerator<TraceTokens> {
  const buffer = new TokenBuffer(header, weighted);
  let group: { turn: number; phase: number; tokens: Map<number, OpenToken> } | undefined;
  let columns: CsvColumns | undefined;
  function* flush(): Generator<TraceTokens> {
    const { turn = 0, phase = PREFILL, tokens = new Map<number, OpenToken>() } = group ?? {};
    for (const token of tokens.values()) {
      buffer.add({ sequence: turn, phase, ...token }, token.where);
      if (buffer.full) yield buffer.take();
    }
  }
  for await (const line of linesOf(path)) {
    if (line.text.startsWith('#')) continue;
    if (!columns) {
      columns = new CsvColumns(line.text, line.where);
      continue;
    }
    const row = rowOf(columns, line, header);
    const sameGroup =
      group?.turn === row.turn && group.phase === row.phase && (row.phase === PREFILL || group.tokens.has(row.step));
    if (!sameGroup) {
      yield* flush();
      group = { turn: row.turn, phase: row.phase, tokens: new Map() };
    }
    addRow(group?.tokens as Map<number, OpenToken>, row, header, line.where);
  }
  yield* flush();
  yield buffer.take();
}

function rowOf(columns: CsvColumns, { text, where }: Line, { layers, k }: TraceHeader) {
  const values = columns.split(text, where);
  const integer = (name: string) => integerIn(values[columns.index(name)], name, where);
  const [layer, slot, phase] = [integer('layer'), integer('slot'), integer('phase')];
  if (layer < 0 || layer >= layers) throw new InvalidFileError(`${where}: layer ${layer} of ${layers}`);
  if (slot < 0 || slot >= k) throw new InvalidFileError(`${where}: slot ${slot} of ${k}`);
  if (phase !== PREFILL && phase !== DECODE) throw new InvalidFileError(`${where}: phase ${phase}; 0 or 1 is possible`);
  const weight = Number(values[columns.index('weight')]);
  return { turn: integer('turn'), step: integer('step'), expert: integer('expert'), layer, slot, phase, weight };
}

function addRow(
  tokens: Map<number, OpenToken>,
  { step, layer, slot, expert, weight }: ReturnType<typeof rowOf>,
  { layers }: TraceHeader,
  where: string,
): void {
  let token = tokens.get(step);
  if (!token) {
    token = { position: step, experts: Array(layers).fill(undefined), weights: Array(layers).fill(undefined), where };
    tokens.set(step, token);
  }
  token.experts[layer] ??= [];
  token.weights[layer] ??= [];
  const experts = token.experts[layer] as number[];
  if (experts.length !== slot) {
    throw new InvalidFileError(`${where}: slot ${slot} of layer ${layer} comes when slot ${experts.length} should`);
  }
  experts.push(expert);
  (token.weights[layer] as number[]).push(weight);
}
