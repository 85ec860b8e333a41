/** Published routing traces, by the names of their models. */

import { join } from 'node:path';
import { openTrace } from '../../lib/trace/open.js';
import type { Trace } from '../../lib/trace/trace.js';

/** The file of each, and where it does not say so, the experts of a layer. */
const files = {
  'gpt-oss-20b': ['AmanPriyanshu__GPT-OSS-MoE-ExpertFingerprinting/gptoss20b_index.json'],
  'OLMoE-1B-7B': ['sqliteai__warp/trace_olmoe_299.jsonl', 64],
  'Kimi-Linear-48B': ['sqliteai__warp/trace_kimi_300.jsonl', 256],
  'Qwen3-30B-A3B': ['Helldez__BigMoeOnEdge/qwen.route.csv'],
  'Gemma-4-26B': ['Helldez__BigMoeOnEdge/gemma.route.csv'],
  'gpt-oss-120b': ['Helldez__BigMoeOnEdge/gptoss.route.csv'],
} as const satisfies Record<string, readonly [string, number?]>;

export type PublishedTrace = keyof typeof files;
export const published = Object.keys(files) as PublishedTrace[];

export function openPublished(folder: string, name: PublishedTrace): Promise<Trace> {
  const [file, experts] = files[name] as readonly [string, number?];
  return openTrace(join(folder, file), { experts });
}
