#!/usr/bin/env node
/** The command `moeflow`. Each command is a file of its own; this one joins them and turns errors into exit codes. */

import { Command } from 'commander';
import { version } from '../version.js';
import { addCache } from './cache.js';
import { addDoctor } from './doctor.js';
import { reportFailure, usageOutput } from './failure.js';
import { addFit } from './fit.js';
import { addGenerate } from './generate.js';
import { addInspect } from './inspect.js';
import { addPlan } from './plan.js';
import { addPredictor } from './predictor/index.js';
import { addServe } from './serve.js';
import { addTrace } from './trace/index.js';

function createProgram(): Command {
  const program = new Command('moeflow')
    .description('Runs Mixture-of-Experts language models from GGUF files, in this process.')
    .version(version(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ showGlobalOptions: false })
    .configureOutput(usageOutput)
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  $ moeflow generate --model olmoe.gguf "The capital of France is" --max-tokens 32
  $ moeflow serve --model olmoe.gguf --port 8080
  $ moeflow inspect olmoe.gguf
  $ moeflow fit olmoe.gguf --ram 2GiB
  $ moeflow trace record prompts/ --model olmoe.gguf --out routes/
  $ moeflow cache routes/ --slots 64,128,256 --html report.html
  $ moeflow plan routes/ --gpus 8 --nodes 2
  $ moeflow predictor train --model olmoe.gguf --text texts/ --out olmoe.predictor
  $ moeflow doctor

"moeflow help <command>" tells more. Environment: MOEFLOW_MODEL (default of --model), MOEFLOW_CPU (default of --cpu),
MOEFLOW_API_KEY (default of --api-key), MOEFLOW_ADDON (path of the native addon to load).`,
    );
  // Commands take over the settings above, so they come after them.
  addGenerate(program);
  addServe(program);
  addInspect(program);
  addFit(program);
  addTrace(program);
  addCache(program);
  addPlan(program);
  addPredictor(program);
  addDoctor(program);
  return program;
}

// A reader that went away shows at the write that fails (output.ts); the event must not end the process by itself.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
createProgram().parseAsync().catch(reportFailure);
