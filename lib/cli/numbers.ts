/** Numbers of the command line. Nothing is guessed: "12abc", "" and "1e3" for a count are errors. */

import { InvalidArgumentError } from 'commander';
import { type SimulatedPolicy, simulatedPolicies } from '../cache-sim/options.js';
import { parseSize } from '../sizes.js';

export function integer(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= low && value <= high) return value;
    throw new InvalidArgumentError(
      high === Number.MAX_SAFE_INTEGER
        ? `It must be an integer of at least ${low}.`
        : `It must be an integer from ${low} to ${high}.`,
    );
  };
}

export function decimal(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (value >= low && value <= high) return value;
    throw new InvalidArgumentError(`It must be a number from ${low} to ${high}.`);
  };
}

export function seed(text: string): number | bigint {
  const value = /^\d+$/.test(text) ? BigInt(text) : -1n;
  if (value < 0n || value >= 1n << 64n) throw new InvalidArgumentError('It must be an integer from 0 to 2^64 - 1.');
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

export function size(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw new InvalidArgumentError('It must be a size, as in 6GiB, 1.5GB or 4096.');
  return bytes;
}

export function tokenIds(text: string): number[] {
  if (!/^\s*\d+(\s*,\s*\d+)*\s*$/.test(text)) {
    throw new InvalidArgumentError('It must be token ids with commas between them, as in 1,2,3.');
  }
  return text.split(',').map(Number);
}

/** Lists have commas between their elements: "4,8,16". */
export function integers(low: number, high: number): (text: string) => number[] {
  return (text) => text.split(',').map((part) => integer(low, high)(part.trim()));
}

export function sizes(text: string): number[] {
  return text.split(',').map(size);
}

/** "2GB/s" as bytes per second. */
export function bandwidth(text: string): number {
  const bytes = parseSize(text.replace(/\s*\/\s*s\s*$/, ''));
  if (bytes === undefined) throw new InvalidArgumentError('It must be a size per second, as in 2GB/s.');
  return bytes;
}

/** `all`, or names with commas between them. */
export function policyNames(text: string): SimulatedPolicy[] {
  if (text === 'all') return [...simulatedPolicies];
  return text.split(',').map((part) => {
    const policy = simulatedPolicies.find((name) => name === part.trim());
    if (policy) return policy;
    throw new InvalidArgumentError(`"${part.trim()}" is none of all, ${simulatedPolicies.join(', ')}.`);
  });
}
