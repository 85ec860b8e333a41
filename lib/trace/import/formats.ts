/** All formats that traces are read from, beside our own Parquet files. */

import { bigMoeOnEdge } from './big-moe-on-edge.js';
import { expertFingerprinting } from './expert-fingerprinting.js';
import type { TraceFormat } from './format.js';
import { llamaCpp } from './llama-cpp.js';
import { megatron } from './megatron.js';
import { moeflowCsv } from './moeflow-csv.js';
import { moeflowJsonl } from './moeflow-jsonl.js';
import { npy } from './npy.js';
import { stratamoe } from './stratamoe.js';
import { warp } from './warp.js';

export const importFormats: readonly TraceFormat[] = [
  moeflowJsonl,
  moeflowCsv,
  npy,
  warp,
  bigMoeOnEdge,
  expertFingerprinting,
  stratamoe,
  megatron,
  llamaCpp,
];
