/** `moeflow trace record`: generates from prompts and writes where each token went. */

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Prompt } from '../../index.js';
import { formatCount } from '../../report/format.js';
import { recordTrace } from '../../trace/record.js';
import { UsageError } from '../failure.js';
import { interruptible } from '../interruption.js';
import { addModelFlags, loadByFlags, type ModelFlags, modelPath } from '../model-flags.js';
import { addSamplingFlags, type SamplingFlags, samplingByFlags } from '../sampling-flags.js';
import { filesOf } from '../text-files.js';

interface RecordFlags extends ModelFlags, SamplingFlags {
  out: string;
  chat?: boolean;
}

export function addRecord(trace: Command): void {
  const command = trace
    .command('record')
    .description('Generates from prompts and records the experts of every token.')
    .argument('<prompts...>', 'text files with a prompt each, folders of such, or .jsonl files with one per line')
    .requiredOption('-o, --out <path>', 'a folder for parts, each readable as soon as it is there; or a .parquet file')
    .option('--chat', "prompts are users' messages: apply the model's chat template");
  addModelFlags(command);
  addSamplingFlags(command);
  command
    .addHelpText(
      'after',
      `
Ctrl-C ends the recording after what was computed so far. A line of a .jsonl file is a string, or
an object with "prompt" (a text) or "tokens" (ids).

Examples:
  $ moeflow trace record prompts/ -m olmoe.gguf -o routes/ --max-tokens 256
  $ moeflow trace record questions.jsonl -m qwen3.gguf --chat --temperature 0.7 -o routes.parquet`,
    )
    .action((paths: string[], flags: RecordFlags) => interruptible((signal) => record(paths, flags, signal)));
}

async function record(paths: string[], flags: RecordFlags, signal: AbortSignal): Promise<void> {
  modelPath(flags);
  const files = (await Promise.all(paths.map((path) => filesOf(path)))).flat();
  const model = await loadByFlags(flags, signal);
  try {
    const { sequences, tokens } = await recordTrace(model, promptsOf(files, flags.chat ?? false), flags.out, {
      ...samplingByFlags(flags),
      signal,
    });
    process.stderr.write(
      `recorded ${formatCount(tokens)} tokens of ${formatCount(sequences)} sequences in ${flags.out}\n`,
    );
  } finally {
    await model.dispose();
  }
  signal.throwIfAborted();
}

async function* promptsOf(files: string[], chat: boolean): AsyncGenerator<Prompt> {
  for (const path of files) {
    const text = await readFile(path, 'utf8');
    const prompts = path.endsWith('.jsonl') ? promptsOfLines(text, path) : [text.replace(/\r?\n$/, '')];
    for (const prompt of prompts) {
      yield chat && typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
    }
  }
}

function promptsOfLines(text: string, path: string): (string | number[])[] {
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    try {
      const value = JSON.parse(line) as string | { prompt?: string; tokens?: number[] };
      const prompt = typeof value === 'string' ? value : (value.prompt ?? value.tokens);
      if (typeof prompt === 'string' || Array.isArray(prompt)) return [prompt];
    } catch {}
    throw new UsageError(
      `${path}:${i + 1} must be a JSON string, or an object with "prompt" (a text) or "tokens" (ids)`,
    );
  });
}
