/** The flags that decide how memory is spent, the same for every command that loads a model or plans to. */

import { type Command, Option } from 'commander';
import type { LoadModelOptions } from '../index.js';
import { integer, size } from './numbers.js';

export interface MemoryFlags {
  context?: number;
  kvType?: 'auto' | 'f16' | 'f32';
  ram?: number;
  device?: 'none' | 'emulated';
  vram?: number;
}

export function addMemoryFlags(command: Command): Command {
  return command
    .option('--context <n>', "most tokens, prompt and text (default: the model's, at most 4096)", integer(1, 2 ** 24))
    .addOption(new Option('--kv-type <type>', 'precision of the key/value cache').choices(['auto', 'f16', 'f32']))
    .option(
      '--ram <size>',
      'memory that the process may take, as in 6GiB (default: what the model needs or what is free)',
      size,
    )
    .addOption(
      new Option('--device <name>', 'a memory above; "emulated" is a part of the process, to try out two tiers')
        .choices(['none', 'emulated'])
        .default('none'),
    )
    .option('--vram <size>', "the device's memory for experts, as in 512MiB", size);
}

export function memoryOptions({ context, kvType, ram, device, vram }: MemoryFlags): LoadModelOptions {
  return { contextLength: context, kvType, ram, device, vram };
}
