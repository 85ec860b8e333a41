/** `moeflow generate`: text from a model. */

import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import {
  type GenerateOptions,
  loadModel,
  type Model,
  type Policy,
  type Prefetch,
  policies,
  prefetchModes,
} from '../index.js';
import { UsageError } from './failure.js';
import { jsonOf, statisticsLine } from './generation-report.js';
import { interruptible } from './interruption.js';
import { createLoadBar } from './load-bar.js';
import { addMemoryFlags, type MemoryFlags, memoryOptions } from './memory-flags.js';
import { decimal, integer, seed, tokenIds } from './numbers.js';
import { print } from './output.js';
import { checkPromptFlags, type PromptFlags, readPrompt } from './prompt.js';

interface GenerateFlags extends PromptFlags, MemoryFlags, Omit<GenerateOptions, 'signal'> {
  model?: string;
  threads?: number;
  cpu?: string;
  policy?: Policy;
  hot?: string;
  prefetch?: Prefetch;
  layerStats?: boolean;
  json?: boolean;
}

const examples = `
The text comes on standard output as it is generated, and nothing else; one line of statistics follows on standard error.
A prompt by a pipe loses its last line break. Exit codes: 0, 1 for an error, 2 for a wrong command line, 130 after Ctrl-C.

Examples:
  $ moeflow generate -m olmoe.gguf "The capital of France is" --max-tokens 32
  $ moeflow generate -m qwen3.gguf --chat "Why is the sky blue?" --temperature 0.7 --seed 1
  $ cat letter.txt | moeflow generate -m olmoe.gguf --stop "Yours," > answer.txt
  $ moeflow generate -m olmoe.gguf --tokens 510,5347,273 --max-tokens 8 --json --routing`;

export function addGenerate(program: Command): void {
  const command = program
    .command('generate')
    .description('Generates text from a prompt.')
    .argument('[prompt]', 'the text to go on from; read from standard input when a pipe gives it')
    .addHelpText('after', examples);

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
    .addOption(new Option('--prefetch <name>', 'how experts are fetched ahead').choices(prefetchModes).default('auto'));
  command
    .optionsGroup('Prompt:')
    .option('--chat', "the prompt is a user's message: apply the model's chat template")
    .option('--system <text>', 'system message before it, with --chat')
    .option('--tokens <ids>', 'token ids instead of text, as in 1,2,3', tokenIds);
  command
    .optionsGroup('Sampling:')
    .option('-n, --max-tokens <n>', 'most tokens to generate (default: until the context is full)', integer(1))
    .option('-t, --temperature <x>', '0 always takes the most likely token (default: 0)', decimal(0, 1e6))
    .option('--top-k <n>', 'sample among the n most likely tokens (default: 0, all)', integer(0, 2 ** 31 - 1))
    .option('--top-p <x>', 'among the fewest that together reach this probability (default: 1)', decimal(0, 1))
    .option(
      '--min-p <x>',
      "drop tokens below this share of the likeliest one's probability (default: 0)",
      decimal(0, 1),
    )
    .option('--repeat-penalty <x>', 'above 1 makes the last 64 tokens less likely (default: 1)', decimal(1e-3, 1e3))
    .option('--seed <n>', 'same seed, same text (default: a random one)', seed)
    .option('--stop <text>', 'end before this text; may be given several times', collect)
    .option('--ignore-eos', "go on after the model's end token");
  command
    .optionsGroup('Output:')
    .option('--json', 'one JSON object with text, tokens and statistics, at the end')
    .option('--layer-stats', 'with --json: what became of the experts of each layer')
    .option('--routing', 'with --json: the experts of every token, [token][layer][k]');

  command.action((prompt: string | undefined, flags: GenerateFlags) =>
    interruptible((signal) => generate(prompt, flags, signal)),
  );
}

async function generate(argument: string | undefined, flags: GenerateFlags, signal: AbortSignal): Promise<void> {
  if (!flags.model) throw new UsageError('no model: give one with --model FILE, or set MOEFLOW_MODEL');
  if (flags.routing && !flags.json) throw new UsageError('--routing needs --json: routes are part of the JSON object');
  if (flags.layerStats && !flags.json)
    throw new UsageError('--layer-stats needs --json: it is part of the JSON object');
  checkPromptFlags(argument, flags);
  const prompt = await readPrompt(argument, flags, signal);
  const model = await load(flags.model, flags, signal);
  try {
    const generation = model.generate(prompt, { ...samplingOf(flags), signal });
    if (flags.json) {
      const result = await generation.result;
      return await print(jsonOf(result, flags.layerStats ? await model.layerStats() : undefined), signal);
    }
    for await (const piece of generation) await print(piece, signal);
    const result = await generation.result;
    await endLine(result.text);
    const seedDrawn = flags.seed === undefined && (flags.temperature ?? 0) > 0;
    process.stderr.write(statisticsLine(result, model.info, seedDrawn));
  } finally {
    await model.dispose();
  }
}

async function load(path: string, flags: GenerateFlags, signal: AbortSignal): Promise<Model> {
  const bar = createLoadBar();
  try {
    return await loadModel(path, {
      ...memoryOptions(flags),
      threads: flags.threads,
      cache: { policy: flags.policy, hot: await readHotList(flags.hot), prefetch: flags.prefetch },
      cpu: flags.cpu,
      signal,
      onProgress: (progress) => bar.update(progress),
    });
  } finally {
    bar.stop();
  }
}

async function readHotList(path: string | undefined): Promise<[number, number][] | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8');
  try {
    return JSON.parse(text) as [number, number][];
  } catch (error) {
    throw new UsageError(`--hot ${path}: not JSON (${(error as Error).message})`);
  }
}

function samplingOf(flags: GenerateFlags): GenerateOptions {
  const { maxTokens, temperature, topK, topP, minP, repeatPenalty, seed, stop, routing, ignoreEos } = flags;
  return { maxTokens, temperature, topK, topP, minP, repeatPenalty, seed, stop, routing, ignoreEos };
}

/** The statistics begin a line of their own on a terminal; a file or a pipe gets the text alone. */
async function endLine(text: string): Promise<void> {
  if (text.endsWith('\n')) return;
  if (process.stdout.isTTY) await print('\n');
  else if (process.stderr.isTTY) process.stderr.write('\n');
}

function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}
