/** `moeflow generate`: text from a model. */

import type { Command } from 'commander';
import { UsageError } from './failure.js';
import { jsonOf, statisticsLine } from './generation-report.js';
import { interruptible } from './interruption.js';
import { addModelFlags, loadByFlags, type ModelFlags, modelPath } from './model-flags.js';
import { tokenIds } from './numbers.js';
import { print } from './output.js';
import { checkPromptFlags, type PromptFlags, readPrompt } from './prompt.js';
import { addSamplingFlags, type SamplingFlags, samplingByFlags } from './sampling-flags.js';

interface GenerateFlags extends PromptFlags, ModelFlags, SamplingFlags {
  layerStats?: boolean;
  routing?: boolean;
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

  addModelFlags(command);
  command
    .optionsGroup('Prompt:')
    .option('--chat', "the prompt is a user's message: apply the model's chat template")
    .option('--system <text>', 'system message before it, with --chat')
    .option('--tokens <ids>', 'token ids instead of text, as in 1,2,3', tokenIds);
  addSamplingFlags(command);
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
  modelPath(flags);
  if (flags.routing && !flags.json) throw new UsageError('--routing needs --json: routes are part of the JSON object');
  if (flags.layerStats && !flags.json)
    throw new UsageError('--layer-stats needs --json: it is part of the JSON object');
  checkPromptFlags(argument, flags);
  const prompt = await readPrompt(argument, flags, signal);
  const model = await loadByFlags(flags, signal);
  try {
    const generation = model.generate(prompt, { ...samplingByFlags(flags), routing: flags.routing, signal });
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

/** The statistics begin a line of their own on a terminal; a file or a pipe gets the text alone. */
async function endLine(text: string): Promise<void> {
  if (text.endsWith('\n')) return;
  if (process.stdout.isTTY) await print('\n');
  else if (process.stderr.isTTY) process.stderr.write('\n');
}
