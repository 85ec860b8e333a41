/** What a reader of one format of routing traces is. */

import type { Trace } from '../trace.js';

/** A file or folder that somebody calls a trace. */
export interface Sample {
  path: string;
  /** Names in it, if it is a folder. */
  names?: string[];
  /** The first bytes of a file, as they are and as text. */
  head: Buffer;
  text: string;
}

export interface ImportOptions {
  /** Experts per layer, for formats that do not say. Default: one more than the highest id. */
  experts?: number;
  /** Experts per token and layer, for `llama.cpp` files whose runs do not tell. */
  k?: number;
}

export interface TraceFormat {
  name: string;
  /** Who writes it, for lists of formats. */
  what: string;
  matches(sample: Sample): boolean;
  /** @throws InvalidFileError naming file and line, here or while chunks are read */
  open(path: string, options: ImportOptions): Promise<Trace>;
}
