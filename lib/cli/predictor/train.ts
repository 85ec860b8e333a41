/** `moeflow predictor train`. */

import { type Command, Option } from 'commander';
import { backends } from '../../../predictor/backends.js';
import type { TrainOptions, TrainProgress } from '../../../predictor/train.js';
import { formatCount, formatShare } from '../../report/format.js';
import { UsageError } from '../failure.js';
import { holdout } from '../holdout.js';
import { interruptible } from '../interruption.js';
import { addModelFlags } from '../model-flags.js';
import { decimal, integer } from '../numbers.js';
import { print } from '../output.js';
import { evaluationText } from './evaluation-text.js';
import { addRouteFlags, type RouteFlags, routesByFlags } from './routes.js';

type TrainFlags = RouteFlags &
  Pick<
    TrainOptions,
    'holdout' | 'seed' | 'epochs' | 'hidden' | 'tokenWidth' | 'batchTokens' | 'learningRate' | 'backend'
  > & { out?: string; json?: boolean };

const examples = `
Training goes on from OUT.checkpoint when that is there, as after Ctrl-C; it is deleted at the end. It needs TensorFlow.js:
npm install @tensorflow/tfjs-backend-wasm (or tfjs-node, tfjs-node-gpu). Using the predictor needs nothing.
loadModel and "moeflow generate" find a predictor by itself when it is beside the model: model.gguf, model.predictor.

Examples:
  $ moeflow predictor train --model qwen3.gguf --text my-texts/ --out qwen3.predictor
  $ moeflow predictor train --trace routes/ --holdout even-odd --out qwen3.predictor`;

export function addTrain(predictor: Command): void {
  const command = predictor
    .command('train')
    .description('Trains a predictor on routes, and measures it on sequences that it has not seen.')
    .addHelpText('after', examples);
  addRouteFlags(command);
  addModelFlags(command);
  command
    .optionsGroup('Training:')
    .option('--holdout <how>', 'sequences to measure on: a share, or even-odd (default: 0.1)', holdout)
    .option('--epochs <n>', 'most passes over the tokens (default: 12)', integer(1, 10_000))
    .option('--hidden <n>', 'width of the hidden layer (default: 256)', integer(1, 2 ** 14))
    .option('--token-width <n>', "width of a token id's vector (default: 32)", integer(1, 2 ** 14))
    .option('--batch-tokens <n>', 'default: 128', integer(1, 2 ** 16))
    .option('--learning-rate <x>', 'default: 0.003', decimal(1e-9, 10))
    .option('--seed <n>', 'default: 0', integer(0))
    .addOption(
      new Option('--backend <name>', 'of TensorFlow.js (default: the fastest that is installed)').choices(backends),
    );
  command
    .optionsGroup('Output:')
    .option('-o, --out <file>', 'where the predictor is written to')
    .option('--json', 'the scores as one JSON object')
    .action((flags: TrainFlags) => interruptible((signal) => train(flags, signal)));
}

async function train(flags: TrainFlags, signal: AbortSignal): Promise<void> {
  const { out, json, seed, epochs, hidden, tokenWidth, batchTokens, learningRate, backend } = flags;
  if (out === undefined) throw new UsageError('no output: say where the predictor is to go with --out FILE');
  // Other commands need not hold what only this one uses.
  const { trainPredictor } = await import('../../../predictor/train.js');
  const { writePredictor } = await import('../../../predictor/file/predictor-file.js');
  const status = createStatus();
  const trace = await routesByFlags(flags, (tokens) => status.line(`recorded ${formatCount(tokens)} tokens`), signal);
  const sizes = { seed, epochs, hidden, tokenWidth, batchTokens, learningRate, backend };
  const trained = await trainPredictor(trace, {
    ...sizes,
    holdout: flags.holdout,
    checkpoint: `${out}.checkpoint`,
    signal,
    onProgress: (progress) => status.line(progressText(progress), progress.validation !== undefined),
  });
  const { evaluation, backend: used, epochs: done, ...predictor } = trained;
  await writePredictor(out, predictor);
  const { weights: _, ...facts } = predictor;
  if (json) return print(`${JSON.stringify({ out, backend: used, epochs: done, ...facts, evaluation })}\n`, signal);
  const summary = `trained on ${formatCount(facts.trainedTokens)} tokens in ${done} epochs with ${used}: ${out}\n`;
  await print(`${summary}${evaluationText(evaluation, trace)}`, signal);
}

function progressText({ backend, epoch, epochs, batch, batches, loss, validation }: TrainProgress): string {
  const words = `${backend}: epoch ${epoch} of ${epochs}, ${formatShare(batch / batches)}, loss ${loss.toFixed(4)}`;
  return validation
    ? `${words}; on other sequences ${validation.loss.toFixed(4)}, recall ${formatShare(validation.recall)}`
    : words;
}

/** On stderr: one line that changes if that is a terminal, else only the lines that are worth keeping. */
function createStatus(): { line(text: string, keep?: boolean): void } {
  const terminal = process.stderr.isTTY;
  return {
    line(text, keep = false) {
      if (terminal) process.stderr.write(`\r\u001b[K${text}${keep ? '\n' : ''}`);
      else if (keep) process.stderr.write(`${text}\n`);
    },
  };
}
