/**
 * NumPy arrays of expert ids: [tokens, layers, k] as vLLM returns routed experts, or [tokens, layers] as ExFlow logs top-1 routes.
 * The format is numpy.lib.format's, versions 1 to 3.
 */

import { open as openFile } from 'node:fs/promises';
import { InvalidFileError, UnsupportedError } from '../../errors.js';
import type { Trace, TraceHeader, TraceTokens } from '../trace.js';
import type { ImportOptions, Sample, TraceFormat } from './format.js';
import { cannotRead, headOf } from './lines.js';
import { TokenBuffer } from './token-buffer.js';

const magic = '\x93NUMPY';

export const npy: TraceFormat = {
  name: 'npy',
  what: 'NumPy array [tokens, layers, k] (vLLM) or [tokens, layers] (ExFlow)',
  matches: ({ head }: Sample) => head.toString('latin1', 0, 6) === magic,
  open,
};

async function open(path: string, options: ImportOptions): Promise<Trace> {
  const array = await describe(path);
  const [, layers = 0, k = 1] = array.shape;
  let { experts } = options;
  if (experts === undefined) {
    let highest = -1;
    for await (const { ids } of rowsOf(path, array)) for (const id of ids) if (id > highest) highest = id;
    experts = highest + 1;
  }
  if (layers < 1 || k < 1 || experts < 1) throw new InvalidFileError(`${path}: there are no routes in it`);
  const header = { layers, experts, k, ranked: true };
  return { ...header, chunks: () => chunksOf(path, header, array) };
}

interface NpyArray {
  shape: number[];
  /** Bytes of an element, and how to read one. */
  bytes: number;
  read: (view: DataView, at: number) => number;
  /** Where the elements begin. */
  offset: number;
}

const readers: Record<string, NpyArray['read']> = {
  '|u1': (view, at) => view.getUint8(at),
  '|i1': (view, at) => view.getInt8(at),
  '<u2': (view, at) => view.getUint16(at, true),
  '<i2': (view, at) => view.getInt16(at, true),
  '<u4': (view, at) => view.getUint32(at, true),
  '<i4': (view, at) => view.getInt32(at, true),
  '<u8': (view, at) => Number(view.getBigUint64(at, true)),
  '<i8': (view, at) => Number(view.getBigInt64(at, true)),
};

async function describe(path: string): Promise<NpyArray> {
  const head = await headOf(path);
  const wide = (head[6] ?? 0) >= 2;
  if (head.length < (wide ? 12 : 10)) throw new InvalidFileError(`${path} ends within its header`);
  const begin = wide ? 12 : 10;
  const offset = begin + (wide ? head.readUInt32LE(8) : head.readUInt16LE(8));
  const text = head.toString('latin1', begin, Math.min(offset, head.length));
  const type = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(text)?.[1];
  if (offset > head.length || type === undefined || shapeText === undefined) {
    throw new InvalidFileError(`${path}: its header is not one of a NumPy array`);
  }
  const read = readers[type];
  if (!read)
    throw new UnsupportedError(`${path} holds elements of type ${type}; expert ids must be integers, as int16`);
  if (/'fortran_order':\s*True/.test(text)) {
    throw new UnsupportedError(`${path} is in Fortran order; save numpy.ascontiguousarray of it`);
  }
  const shape = shapeText.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  if (shape.length < 2 || shape.length > 3 || shape.some((n) => !Number.isSafeInteger(n) || n < 0)) {
    throw new InvalidFileError(
      `${path} has the shape (${shapeText}); a trace has [tokens, layers, k] or [tokens, layers]`,
    );
  }
  return { shape, bytes: Number(type.slice(2)), read, offset };
}

/** Some tokens at a time. */
async function* rowsOf(path: string, array: NpyArray): AsyncGenerator<{ first: number; ids: Int32Array }> {
  const [tokens = 0, layers = 0, k = 1] = array.shape;
  const width = layers * k;
  const perRead = Math.max(1, Math.floor(2 ** 20 / width));
  if (width > 2 ** 24)
    throw new InvalidFileError(`${path}: ${layers} layers of ${k} experts are more than a token has`);
  const file = await openFile(path).catch((error) => {
    throw cannotRead(path, error);
  });
  try {
    for (let first = 0; first < tokens; first += perRead) {
      const count = Math.min(perRead, tokens - first) * width;
      const bytes = Buffer.alloc(count * array.bytes);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, array.offset + first * width * array.bytes);
      if (bytesRead < bytes.length) {
        const whole = first + Math.floor(bytesRead / (width * array.bytes));
        throw new InvalidFileError(`${path} ends after ${whole} of its ${tokens} tokens`);
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const ids = new Int32Array(count);
      for (let i = 0; i < count; i++) {
        const id = array.read(view, i * array.bytes);
        if (!(id >= -1 && id < 2 ** 31)) {
          throw new InvalidFileError(`${path}: token ${first + Math.floor(i / width)}: expert ${id} is no id`);
        }
        ids[i] = id;
      }
      yield { first, ids };
    }
  } finally {
    await file.close();
  }
}

async function* chunksOf(path: string, header: TraceHeader, array: NpyArray): AsyncGenerator<TraceTokens> {
  const { layers, k } = header;
  const buffer = new TokenBuffer(header, false);
  for await (const { first, ids } of rowsOf(path, array)) {
    for (let at = 0, position = first; at < ids.length; at += layers * k, position++) {
      const experts = Array.from({ length: layers }, (_, layer) => ids.subarray(at + layer * k, at + (layer + 1) * k));
      buffer.add({ sequence: 0, position, experts }, `${path}: token ${position}`);
      if (buffer.full) yield buffer.take();
    }
  }
  yield buffer.take();
}
