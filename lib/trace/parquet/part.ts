/** One Parquet file of a trace while it is written: whole once it is closed, and not seen by readers before. */

import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import { headerKey, headerToJson } from '../header.js';
import { phases, type TraceHeader, type TraceTokens } from '../trace.js';
import { schema } from './schema.js';

/** Values of one list column that are encoded at a time. */
const valuesPerRowGroup = 2 ** 20;

export class PartWriter {
  readonly path: string;
  /** Tokens so far. */
  tokens = 0;
  readonly #partial: string;
  readonly #writer: ParquetWriter;
  readonly #header: TraceHeader;

  /** `weighted`: whether its tokens carry weights. */
  constructor(path: string, header: TraceHeader, weighted: boolean) {
    this.path = path;
    this.#header = header;
    // A name that no glob for Parquet files finds.
    this.#partial = join(dirname(path), `.${basename(path)}.partial`);
    this.#writer = new ParquetWriter({
      writer: fileWriter(this.#partial),
      schema: schema(weighted),
      kvMetadata: [{ key: headerKey, value: headerToJson(header) }],
      createdBy: 'moeflow',
    });
  }

  async write(tokens: TraceTokens): Promise<void> {
    const rows = Math.max(1, Math.floor(valuesPerRowGroup / (this.#header.layers * this.#header.k)));
    for (let from = 0; from < tokens.count; from += rows) {
      const to = Math.min(from + rows, tokens.count);
      await this.#writer.write({ columnData: columns(this.#header, tokens, from, to), rowGroupSize: to - from });
    }
    this.tokens += tokens.count;
  }

  async close(): Promise<void> {
    await this.#writer.finish();
    await rename(this.#partial, this.path);
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    await rm(this.#partial, { force: true });
  }
}

function columns({ layers, k }: TraceHeader, tokens: TraceTokens, from: number, to: number) {
  const width = layers * k;
  const lists = (values: Int32Array | Float32Array) =>
    Array.from({ length: to - from }, (_, i) =>
      Array.from(values.subarray((from + i) * width, (from + i + 1) * width)),
    );
  return [
    { name: 'sequence', data: tokens.sequence.slice(from, to) },
    { name: 'position', data: tokens.position.slice(from, to) },
    { name: 'token', data: Array.from(tokens.token.subarray(from, to), (id) => (id < 0 ? null : id)) },
    { name: 'phase', data: Array.from(tokens.phase.subarray(from, to), (phase) => phases[phase]) },
    { name: 'experts', data: lists(tokens.experts) },
    ...(tokens.weights ? [{ name: 'weights', data: lists(tokens.weights) }] : []),
  ];
}
