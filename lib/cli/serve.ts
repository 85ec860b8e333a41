/** `moeflow serve`: an OpenAI-compatible server for a model. */

import { once } from 'node:events';
import { createServer as createTcpServer } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isLoopback } from '../server/access.js';
import { oneAddress } from '../server/address.js';
import { originProblem } from '../server/settings.js';
import { UsageError } from './failure.js';
import { interruptible } from './interruption.js';
import { addModelFlags, loadByFlags, type ModelFlags, modelPath } from './model-flags.js';
import { decimal, integer, size } from './numbers.js';
import { addSchedulingFlags, type SchedulingFlags, schedulingOptions } from './scheduling-flags.js';

interface ServeFlags extends ModelFlags, SchedulingFlags {
  host: string;
  port: number;
  apiKey?: string;
  cors?: string[];
  bodyLimit?: number;
  modelName?: string;
  stallTime: number;
  shutdownTime: number;
}

const examples = `
Chats are at /v1/chat/completions, completions at /v1/completions, what the server is doing at / for people and at /metrics for
Prometheus. One line with the address comes on standard error when it is ready. Ctrl-C or SIGTERM ends it: it takes no more
requests, and those under way have --shutdown-time to come to their end; a second one ends it at once.
Exit codes: 0 when it was ended, 1 for an error, 2 for a wrong command line.

Examples:
  $ moeflow serve -m olmoe.gguf
  $ moeflow serve -m qwen3.gguf --ram 8GiB --context 8192 --port 9000
  $ MOEFLOW_API_KEY=secret moeflow serve -m olmoe.gguf --host 0.0.0.0
  $ curl localhost:8080/v1/chat/completions -H 'Content-Type: application/json' \\
      -d '{"messages": [{"role": "user", "content": "Why is the sky blue?"}]}'`;

export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .description('Answers requests over HTTP, by the OpenAI API.')
    .addHelpText('after', examples);
  command
    .optionsGroup('Server:')
    .option('--host <name>', 'address to listen on; by default, callers on this machine alone', '127.0.0.1')
    .option('--port <n>', '0 for one that is free', integer(0, 65535), 8080)
    .addOption(
      new Option('--api-key <key>', 'what callers must show; other users of this machine can read command lines').env(
        'MOEFLOW_API_KEY',
      ),
    )
    .option('--cors <origin>', 'pages that may call from a browser, or *; may be given several times', origins)
    .option('--body-limit <size>', 'of a request (default: 8MiB)', size)
    .option('--model-name <name>', "in requests and answers (default: the file's)")
    .option(
      '--stall-time <s>',
      'seconds after which a stream ends whose caller takes nothing of it',
      decimal(0.1, 86_400),
      300,
    )
    .option('--shutdown-time <s>', 'seconds that requests under way have at the end', decimal(0, 86_400), 30);
  addModelFlags(command);
  addSchedulingFlags(command);
  command.action((flags: ServeFlags) => interruptible((signal) => serve(flags, signal)));
}

async function serve(flags: ServeFlags, signal: AbortSignal): Promise<void> {
  const { host, port, apiKey, cors, bodyLimit, modelName, stallTime: stallSeconds } = flags;
  modelPath(flags);
  if (apiKey === '') throw new UsageError('the API key is empty: leave out --api-key and MOEFLOW_API_KEY, or give one');
  await checkAddress(host, port);
  // Other commands do without the web framework. Before the model, so that --ram counts what it takes.
  const { createServer } = await import('../server/index.js');
  const model = await loadByFlags(flags, signal, schedulingOptions(flags));
  try {
    const server = createServer(model, { apiKey, cors, bodyLimit, modelName, stallSeconds, onError: complain });
    const url = await server.listen({ host, port });
    if (!isLoopback(host) && apiKey === undefined) {
      process.stderr.write(
        `moeflow: warning: whoever can reach ${host} can use the model; --api-key would prevent that\n`,
      );
    }
    process.stderr.write(`moeflow: serving ${server.modelName} at ${url}\n`);
    if (!signal.aborted) await once(signal, 'abort');
    await server.close(flags.shutdownTime);
  } finally {
    await model.dispose();
  }
}

/** Before minutes are spent on loading: whether anybody can listen there. */
async function checkAddress(host: string, port: number): Promise<void> {
  const probe = createTcpServer();
  try {
    await once(probe.listen({ host: await oneAddress(host), port }), 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new Error(`port ${port} of ${host} is taken: choose another one with --port`);
    if (code === 'EACCES') throw new Error(`port ${port} needs more rights: choose one from 1024 on with --port`);
    throw new Error(`--host ${host} is no address to listen on: ${message}`);
  }
  await new Promise((closed) => probe.close(closed));
}

function complain(error: unknown): void {
  process.stderr.write(`moeflow: ${error instanceof Error ? error.message : String(error)}\n`);
}

function origins(text: string, before: string[] = []): string[] {
  const problem = originProblem(text);
  if (problem) throw new InvalidArgumentError(`It ${problem}.`);
  return [...before, text];
}
