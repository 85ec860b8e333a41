/** Where the prompt comes from: the argument, token ids, or standard input. */

import { addAbortSignal } from 'node:stream';
import type { Prompt } from '../index.js';
import { UsageError } from './failure.js';

export interface PromptFlags {
  tokens?: number[];
  chat?: boolean;
  system?: string;
}

/** What can be said without reading anything. */
export function checkPromptFlags(argument: string | undefined, flags: PromptFlags): void {
  if (flags.tokens && argument !== undefined) {
    throw new UsageError('give the prompt as text or as --tokens, not both');
  }
  if (flags.tokens && flags.chat)
    throw new UsageError('--chat is for text; --tokens are passed to the model as they are');
  if (flags.system !== undefined && !flags.chat) throw new UsageError('--system needs --chat');
}

export async function readPrompt(
  argument: string | undefined,
  flags: PromptFlags,
  signal: AbortSignal,
): Promise<Prompt> {
  if (flags.tokens) return flags.tokens;
  const text = argument ?? (await readStandardInput(signal));
  if (text === '') throw new UsageError('the prompt is empty');
  if (!flags.chat) return text;
  const system = flags.system === undefined ? [] : [{ role: 'system', content: flags.system }];
  return [...system, { role: 'user', content: text }];
}

async function readStandardInput(signal: AbortSignal): Promise<string> {
  if (process.stdin.isTTY) throw new UsageError('no prompt: give it as an argument, by a pipe, or as --tokens');
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of addAbortSignal(signal, process.stdin)) chunks.push(chunk as Buffer);
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`the prompt cannot be read from standard input: ${(error as Error).message}`, { cause: error });
  }
  try {
    // The line break that ends a file or an echo is not meant as part of the prompt.
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)).replace(/\r?\n$/, '');
  } catch (error) {
    throw new Error('the prompt on standard input is not UTF-8 text', { cause: error });
  }
}
