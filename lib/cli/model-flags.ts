/** The flags that name a model and how it runs, and loading it by them. */

import { type Command, Option } from 'commander';
import {
  type LoadModelOptions,
  loadModel,
  type Model,
  type Policy,
  type Prefetch,
  policies,
  prefetchModes,
} from '../index.js';
import { UsageError } from './failure.js';
import { readHotList } from './hot-list.js';
import { createLoadBar } from './load-bar.js';
import { addMemoryFlags, type MemoryFlags, memoryOptions } from './memory-flags.js';
import { integer } from './numbers.js';

export interface ModelFlags extends MemoryFlags {
  model?: string;
  threads?: number;
  cpu?: string;
  policy?: Policy;
  hot?: string;
  prefetch?: Prefetch;
  predictor?: string;
}

export function addModelFlags(command: Command): void {
  command
    .optionsGroup('Model:')
    .addOption(
      new Option('-m, --model <file>', 'GGUF file, one of its shards, or a folder with one model').env('MOEFLOW_MODEL'),
    )
    .option('--threads <n>', 'threads that compute (default: all processors)', integer(1, 1024))
    .option('--cpu <name>', 'kernel set, one that "moeflow doctor" lists (default: the fastest)');
  addMemoryFlags(command.optionsGroup('Memory:'))
    .addOption(
      new Option('--policy <name>', 'which expert leaves memory, where not all fit').choices(policies).default('plec'),
    )
    .option('--hot <file>', 'for --policy static: JSON, [[layer, expert], ...], the most wanted first')
    .addOption(new Option('--prefetch <name>', 'how experts are fetched ahead').choices(prefetchModes).default('auto'))
    .option(
      '--predictor <file>',
      'what "moeflow predictor train" has written; none, or auto: the one beside the model',
      'auto',
    );
}

/** @throws UsageError when no model is named */
export function modelPath({ model }: ModelFlags): string {
  if (!model) throw new UsageError('no model: give one with --model FILE, or set MOEFLOW_MODEL');
  return model;
}

/** Shows a bar while it loads. `more` are options of other flags. @throws as loadModel, and UsageError */
export async function loadByFlags(flags: ModelFlags, signal: AbortSignal, more?: LoadModelOptions): Promise<Model> {
  const path = modelPath(flags);
  const bar = createLoadBar();
  try {
    return await loadModel(path, {
      ...more,
      ...memoryOptions(flags),
      threads: flags.threads,
      cache: { policy: flags.policy, hot: await readHotList(flags.hot), prefetch: flags.prefetch },
      predictor: flags.predictor,
      cpu: flags.cpu,
      signal,
      onProgress: (progress) => bar.update(progress),
    });
  } finally {
    bar.stop();
  }
}
