/** All formats that traces are written in for other tools. */

import type { Trace } from '../trace.js';
import { csv } from './csv.js';
import { jsonl } from './jsonl.js';
import { npy } from './npy.js';

/** Takes the next piece; resolves when it wants more. */
export type Sink = (piece: string | Uint8Array) => Promise<void>;
export type TraceExporter = (trace: Trace, sink: Sink) => Promise<void>;

/** A 32-bit float with as many digits as tell it from its neighbours. */
export function shortest(value: number): number {
  return Number(value.toPrecision(9));
}

export const exportFormats: Readonly<Record<string, TraceExporter>> = { csv, jsonl, npy };
