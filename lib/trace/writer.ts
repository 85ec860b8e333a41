/** Writing a trace: to one Parquet file, or as it comes to a folder of them. */

import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidArgumentError, MoeflowError } from '../errors.js';
import { checkTokens } from './check-tokens.js';
import { checkShape } from './header.js';
import { PartWriter } from './parquet/part.js';
import type { TraceHeader, TraceTokens } from './trace.js';

export interface TraceWriterOptions {
  /** Tokens after which a folder's part is closed. Default 65536. */
  partTokens?: number;
  /** Seconds after which it is closed even so, when more tokens come. Default 30. */
  partSeconds?: number;
}

/**
 * A path that ends with `.parquet` becomes one file, there when the writer is closed. Any other becomes a folder of parts,
 * `part-00000.parquet` and so on, each of which is whole as soon as it has its name: who is killed loses the last part only.
 */
export class TraceWriter implements AsyncDisposable {
  readonly path: string;
  readonly #header: TraceHeader;
  readonly #options: Required<TraceWriterOptions>;
  readonly #single: boolean;
  #parts = 0;
  #part: PartWriter | undefined;
  #partBegan = 0;
  #weighted: boolean | undefined;
  #closed = false;

  private constructor(path: string, header: TraceHeader, options: TraceWriterOptions) {
    this.path = path;
    this.#header = header;
    this.#single = path.endsWith('.parquet');
    this.#options = { partTokens: options.partTokens ?? 65536, partSeconds: options.partSeconds ?? 30 };
  }

  /** @throws InvalidArgumentError for a folder that holds a trace, or a wrong header; MoeflowError `IO` */
  static async create(path: string, header: TraceHeader, options: TraceWriterOptions = {}): Promise<TraceWriter> {
    try {
      checkShape(header);
    } catch (cause) {
      throw new InvalidArgumentError(`trace header: ${(cause as Error).message}`, { cause });
    }
    const writer = new TraceWriter(path, header, options);
    try {
      await mkdir(writer.#single ? dirname(path) : path, { recursive: true });
      if (!writer.#single) await refuseParts(path);
      else if (existsSync(path) && statSync(path).isDirectory()) throw new InvalidArgumentError(`${path} is a folder`);
    } catch (error) {
      throw ioError(path, error);
    }
    return writer;
  }

  /**
   * One call at a time. An error of the disk takes the part under way with it; those before stay.
   *
   * @throws InvalidFileError for tokens that are not what the header says; MoeflowError `IO`
   */
  async write(tokens: TraceTokens): Promise<void> {
    if (this.#closed) throw new InvalidArgumentError(`${this.path}: the trace was closed; nothing can be added`);
    checkTokens(this.#header, tokens, (row) => `${this.path}: token ${row} of those to write`);
    this.#weighted ??= tokens.weights !== undefined;
    if (this.#weighted !== (tokens.weights !== undefined)) {
      throw new InvalidArgumentError(`${this.path}: some tokens have weights and some have none`);
    }
    try {
      this.#part ??= this.#begin();
      await this.#part.write(tokens);
      const full =
        this.#part.tokens >= this.#options.partTokens ||
        performance.now() - this.#partBegan >= 1000 * this.#options.partSeconds;
      if (full && !this.#single) await this.#end();
    } catch (error) {
      await this.#part?.discard().catch(() => {});
      this.#part = undefined;
      throw ioError(this.path, error);
    }
  }

  /** Makes all that was written readable. Safe to call again. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      // A trace without tokens is one too.
      if (this.#parts === 0) this.#part ??= this.#begin();
      await this.#end();
    } catch (error) {
      throw ioError(this.path, error);
    }
  }

  /** Takes back what no reader has seen: the single file, or the part under way. */
  async discard(): Promise<void> {
    this.#closed = true;
    await this.#part?.discard();
    this.#part = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(): PartWriter {
    this.#partBegan = performance.now();
    const name = `part-${String(this.#parts++).padStart(5, '0')}.parquet`;
    return new PartWriter(this.#single ? this.path : join(this.path, name), this.#header, this.#weighted ?? false);
  }

  async #end(): Promise<void> {
    const part = this.#part;
    this.#part = undefined;
    await part?.close();
  }
}

async function refuseParts(folder: string): Promise<void> {
  if ((await readdir(folder)).some((name) => name.endsWith('.parquet'))) {
    throw new InvalidArgumentError(`${folder} holds a trace already; choose another folder or remove it`);
  }
}

function ioError(path: string, error: unknown): unknown {
  if (error instanceof MoeflowError) return error;
  return new MoeflowError('IO', `cannot write ${path}: ${(error as Error).message}`, { cause: error });
}
