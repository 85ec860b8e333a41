/**
 * GPT-OSS-MoE-ExpertFingerprinting as bytes: `NAME_index.json` with the sequences, `NAME_experts.u8` [token][layer][rank], and if
 * they are there `NAME_probs.u8` (the same shape, 255 times the probability) and `NAME_token_ids.json`.
 */

import { existsSync } from 'node:fs';
import { open as openFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidFileError } from '../../errors.js';
import { DECODE, type Trace, type TraceHeader, type TraceTokens } from '../trace.js';
import type { Sample, TraceFormat } from './format.js';
import { cannotRead, checkCounts, parseJson } from './lines.js';
import { TokenBuffer } from './token-buffer.js';

export const expertFingerprinting: TraceFormat = {
  name: 'expert-fingerprinting',
  what: 'AmanPriyanshu/GPT-OSS-MoE-ExpertFingerprinting, bytes with an index',
  matches: (sample) => baseOf(sample) !== undefined,
  open: async (path) => {
    const base = pathWithoutEnding(path) ?? join(path, (await baseIn(path)) ?? '');
    const index = await readIndex(`${base}_index.json`);
    return { ...index.header, chunks: () => chunksOf(base, index) };
  },
};

const endings = ['_index.json', '_experts.u8', '_probs.u8', '_token_ids.json'];

function baseOf({ path, names }: Sample): string | undefined {
  if (!names) return path.endsWith('.u8') || path.endsWith('_index.json') ? pathWithoutEnding(path) : undefined;
  return baseAmong(names);
}

function baseAmong(names: string[]): string | undefined {
  const base = names.find((name) => name.endsWith('_index.json'))?.slice(0, -'_index.json'.length);
  return base !== undefined && names.includes(`${base}_experts.u8`) ? base : undefined;
}

async function baseIn(folder: string): Promise<string | undefined> {
  return baseAmong(await readdir(folder));
}

function pathWithoutEnding(path: string): string | undefined {
  const ending = endings.find((one) => path.endsWith(one));
  return ending && path.slice(0, -ending.length);
}

interface Index {
  header: TraceHeader;
  sequences: { first_pos: number; n_tokens: number; offset: number }[];
  path: string;
}

async function readIndex(path: string): Promise<Index> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw cannotRead(path, error);
  });
  const { model, layers, experts, topk, sequences } = parseJson(text, path) as Record<string, unknown>;
  checkCounts({ layers, experts, topk }, path);
  if (!Array.isArray(sequences)) throw new InvalidFileError(`${path}: sequences is not an array`);
  sequences.forEach((sequence, i) => {
    for (const name of ['first_pos', 'n_tokens', 'offset']) {
      if (!Number.isInteger(sequence?.[name]) || sequence[name] < 0) {
        throw new InvalidFileError(`${path}: ${name} of sequence ${i} is ${sequence?.[name]}`);
      }
    }
  });
  const header = { model: model as string, layers, experts, k: topk, ranked: true } as TraceHeader;
  return { header, sequences: sequences as Index['sequences'], path };
}

async function* chunksOf(base: string, { header, sequences, path }: Index): AsyncGenerator<TraceTokens> {
  const width = header.layers * header.k;
  const probabilities = `${base}_probs.u8`;
  const weighted = existsSync(probabilities);
  const ids = await tokenIds(`${base}_token_ids.json`, sequences.length);
  const buffer = new TokenBuffer(header, weighted);
  for (const [s, { offset, n_tokens, first_pos }] of sequences.entries()) {
    const experts = await readBytes(`${base}_experts.u8`, offset * width, n_tokens * width, `sequence ${s} of ${path}`);
    const weights = weighted
      ? await readBytes(probabilities, offset * width, n_tokens * width, `sequence ${s} of ${path}`)
      : undefined;
    for (let i = 0; i < n_tokens; i++) {
      const layersOf = (bytes: Uint8Array, scale: number) =>
        Array.from({ length: header.layers }, (_, layer) =>
          Array.from(
            bytes.subarray(i * width + layer * header.k, i * width + (layer + 1) * header.k),
            (b) => b / scale,
          ),
        );
      const token = ids?.[s]?.[first_pos + i];
      const one = { sequence: s, position: first_pos + i, token, phase: DECODE, experts: layersOf(experts, 1) };
      buffer.add(
        weights ? { ...one, weights: layersOf(weights, 255) } : one,
        `${base}_experts.u8: token ${offset + i}`,
      );
      if (buffer.full) yield buffer.take();
    }
  }
  yield buffer.take();
}

async function tokenIds(path: string, sequences: number): Promise<number[][] | undefined> {
  if (!existsSync(path)) return undefined;
  const { ids } = parseJson(await readFile(path, 'utf8'), path) as { ids?: number[][] };
  if (!Array.isArray(ids) || ids.length !== sequences) {
    throw new InvalidFileError(`${path}: ids must be ${sequences} lists, one per sequence`);
  }
  return ids;
}

async function readBytes(path: string, from: number, count: number, what: string): Promise<Uint8Array> {
  const file = await openFile(path).catch((error) => {
    throw cannotRead(path, error);
  });
  try {
    // Before memory is taken for a number that is wrong.
    const here = Math.min(count, Math.max(0, (await file.stat()).size - from));
    const { buffer, bytesRead } = await file.read(new Uint8Array(here), 0, here, from);
    if (bytesRead < count) {
      throw new InvalidFileError(`${path} ends at byte ${from + bytesRead}, before ${what} does (${from + count})`);
    }
    return buffer;
  } finally {
    await file.close();
  }
}
