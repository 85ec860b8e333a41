import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { count, counts } from '../shared/options.js';
import { chosenRuntimes, type RuntimeName } from './runtimes.js';

export interface Options {
  file: string;
  /** Percent of the file's size, as they were given. */
  caps: number[];
  runs: number;
  /** Shortest first: decoding follows that one. */
  prompts: number[];
  decodeTokens: number;
  decodeSeconds: number;
  /** Seconds after which a run is given up. */
  timeLimit: number;
  /** Seconds of each of fio's trials. */
  diskSeconds: number;
  threads: number;
  runtimes: RuntimeName[];
  json?: string;
}

/**
 * @throws Error naming the option that is wrong and what it may be
 */
export function readOptions(commandLine: string[]): Options {
  const { values } = parseArgs({
    args: commandLine,
    options: {
      file: { type: 'string' },
      caps: { type: 'string', default: '50,25' },
      runs: { type: 'string', default: '3' },
      prompts: { type: 'string', default: '64,512' },
      decode: { type: 'string', default: '48' },
      'decode-seconds': { type: 'string', default: '30' },
      'time-limit': { type: 'string', default: '180' },
      'disk-seconds': { type: 'string', default: '2' },
      threads: { type: 'string', default: String(availableParallelism()) },
      only: { type: 'string' },
      json: { type: 'string' },
    },
  });
  if (!values.file) {
    throw new Error('--file is missing: name a GGUF file, e.g. one made by `npm run bench:synthetic -- … --reuse 0.4`');
  }
  const caps = counts('--caps', values.caps);
  const tooBig = caps.find((cap) => cap > 100);
  if (tooBig !== undefined) throw new Error(`--caps ${tooBig}: percent of the file's size are needed, at most 100`);
  const decodeTokens = count('--decode', values.decode);
  if (decodeTokens < 2) throw new Error('--decode 1: at least 2 tokens are needed');
  return {
    file: values.file,
    caps,
    runs: count('--runs', values.runs),
    prompts: counts('--prompts', values.prompts).sort((left, right) => left - right),
    decodeTokens,
    decodeSeconds: count('--decode-seconds', values['decode-seconds']),
    timeLimit: count('--time-limit', values['time-limit']),
    diskSeconds: count('--disk-seconds', values['disk-seconds']),
    threads: count('--threads', values.threads),
    runtimes: chosenRuntimes(values.only),
    json: values.json,
  };
}
