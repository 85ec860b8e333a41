/** What a server can be told: types, checks and defaults. */

import { basename } from 'node:path';
import { InvalidArgumentError } from '../errors.js';
import type { ModelInfo } from '../model/info.js';
import { check, checkOptions } from '../options.js';
import { bytesOf } from '../sizes.js';

export interface ServerOptions {
  /** The model's name in requests and answers. Default: its file's, without ".gguf" and the number of a shard. */
  modelName?: string;
  /** What callers must show, as "Authorization: Bearer KEY". Default: none, whoever reaches the server may use it. */
  apiKey?: string;
  /** Origins whose pages may call from a browser, as "https://example.org", or "*" for all. Default: none. */
  cors?: string | string[];
  /** Most bytes of a request's body, or a size such as "8MiB", which is the default. */
  bodyLimit?: number | string;
  /** Seconds after which a stream ends whose caller takes nothing of it; slow ones are waited for. Default 300. */
  stallSeconds?: number;
  /** Called with errors that are not the caller's, of which he is told no more than that they happened. */
  onError?: (error: unknown) => void;
}

export interface ServerSettings {
  modelName: string;
  apiKey: string | undefined;
  cors: readonly string[];
  bodyLimit: number;
  stallSeconds: number;
  onError: (error: unknown) => void;
}

const nonEmpty = (value: unknown, name: string) => {
  check.string(value, name);
  if (value === '') throw new InvalidArgumentError(`${name} is empty`);
};

const checks = {
  modelName: nonEmpty,
  apiKey: nonEmpty,
  cors: (value: unknown, name: string) => {
    check.strings(value, name);
    for (const origin of [value].flat() as string[]) {
      const problem = originProblem(origin);
      if (problem) throw new InvalidArgumentError(`${name} ${problem}`);
    }
  },
  bodyLimit: check.size,
  stallSeconds: check.number(0.1, 86_400),
  onError: check.function,
};

/** @throws InvalidArgumentError naming the option and what it must be */
export function serverSettings(options: ServerOptions, info: ModelInfo): ServerSettings {
  checkOptions(options, checks, 'server options');
  const { modelName, apiKey, cors = [], bodyLimit = '8MiB', stallSeconds = 300, onError = () => {} } = options;
  return {
    modelName: modelName ?? fileName(info),
    apiKey,
    cors: [cors].flat(),
    bodyLimit: bytesOf(bodyLimit),
    stallSeconds,
    onError,
  };
}

function fileName({ paths: [path = ''] }: ModelInfo): string {
  return basename(path).replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '') || 'model';
}

/** What is wrong with it, if anything. Browsers send an origin without a path, and it is compared as it is. */
export function originProblem(origin: string): string | undefined {
  const parsed = URL.canParse(origin) ? new URL(origin).origin : undefined;
  if (origin === '*' || (parsed === origin && origin !== 'null')) return undefined;
  const hint = parsed && parsed !== 'null' ? `; did you mean ${parsed}?` : '';
  return `must be an origin such as https://example.org, or *, is ${JSON.stringify(origin)}${hint}`;
}
