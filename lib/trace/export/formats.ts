/** All formats that traces are written in for other tools. */

import type { Trace } from '../trace.js';
import { csv } from './csv.js';
import { jsonl } from './jsonl.js';
import { npy } from './npy.js';
import type { Sink } from './sink.js';

export type TraceExporter = (trace: Trace, sink: Sink) => Promise<void>;

export const exportFormats: Readonly<Record<string, TraceExporter>> = { csv, jsonl, npy };
