/** Where routes come from: a trace, or the model's own on the user's texts. */

import type { Command } from 'commander';
import { openTrace } from '../../trace/open.js';
import { recordTexts } from '../../trace/record-text.js';
import type { Trace } from '../../trace/trace.js';
import { UsageError } from '../failure.js';
import { loadByFlags, type ModelFlags } from '../model-flags.js';
import { filesOf, textOf } from '../text-files.js';

export interface RouteFlags extends ModelFlags {
  text?: string[];
  trace?: string[];
}

export function addRouteFlags(command: Command): Command {
  return command
    .optionsGroup('Routes:')
    .option('--text <paths...>', 'texts, or folders of such, that --model reads; each 512 tokens are a sequence')
    .option('--trace <paths...>', 'a trace with token ids, in place of texts; see "moeflow trace record"');
}

/** @throws UsageError unless there is one of --text and --trace */
export async function routesByFlags(
  flags: RouteFlags,
  report: (tokens: number) => void,
  signal: AbortSignal,
): Promise<Trace> {
  const { text, trace } = flags;
  if ((text === undefined) === (trace === undefined)) {
    throw new UsageError('give routes: either --text FOLDER and --model FILE, or --trace TRACE');
  }
  if (trace) return openTrace(trace);
  const files = (await Promise.all((text ?? []).map((path) => filesOf(path, { recursive: true })))).flat();
  const model = await loadByFlags(flags, signal);
  try {
    return await recordTexts(model, textsOf(files), { onTokens: report, signal });
  } finally {
    await model.dispose();
  }
}

/** A .json file may hold token ids: an array of numbers. */
async function* textsOf(files: readonly string[]): AsyncGenerator<string | Int32Array> {
  for (const path of files) {
    const text = await textOf(path);
    if (text === undefined) process.stderr.write(`left out, as it is no text in UTF-8: ${path}\n`);
    else yield (path.endsWith('.json') ? idsOf(text) : undefined) ?? text;
  }
}

function idsOf(text: string): Int32Array | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isIds = Array.isArray(value) && value.length > 0 && value.every((id) => Number.isInteger(id) && id >= 0);
    return isIds ? Int32Array.from(value as number[]) : undefined;
  } catch {
    return undefined;
  }
}
