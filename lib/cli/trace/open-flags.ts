/** The flags of every command that reads a trace. */

import { type Command, Option } from 'commander';
import { type OpenTraceOptions, traceFormats } from '../../trace/open.js';
import { integer } from '../numbers.js';

export type OpenFlags = OpenTraceOptions;

/** `formatFlag`: another name where `--format` is the output's. */
export function addOpenFlags(command: Command, formatFlag = '--format'): Command {
  return command
    .addOption(new Option(`${formatFlag} <name>`, 'what the trace is in (default: found out)').choices(traceFormats))
    .option(
      '--experts <n>',
      'experts per layer, where the file does not say (default: highest id + 1)',
      integer(1, 2 ** 15),
    )
    .option('--k <n>', 'experts per token and layer, where a llama.cpp file does not tell', integer(1, 2 ** 15));
}

export function openOptions({ format, experts, k }: OpenFlags): OpenTraceOptions {
  return { format, experts, k };
}
