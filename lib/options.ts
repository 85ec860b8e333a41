/** Checking of option objects: wrong types and misspelt names are errors that say what would be right. */

import { InvalidArgumentError } from './errors.js';
import { parseSize } from './sizes.js';

type Check = (value: unknown, name: string) => void;

function reject(name: string, wanted: string, value: unknown): never {
  throw new InvalidArgumentError(`${name} must be ${wanted}, is ${describe(value)}`);
}

/** A value as an error message shows it. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shortened(value));
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

/** The beginning of a text that a caller has made up, as long as messages have room for. */
export function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

export const check = {
  integer:
    (low: number, high: number = Number.MAX_SAFE_INTEGER): Check =>
    (value, name) => {
      if (!Number.isInteger(value) || (value as number) < low || (value as number) > high) {
        reject(
          name,
          high === Number.MAX_SAFE_INTEGER ? `an integer of at least ${low}` : `an integer from ${low} to ${high}`,
          value,
        );
      }
    },
  number:
    (low: number, high: number): Check =>
    (value, name) => {
      if (typeof value !== 'number' || !(value >= low && value <= high))
        reject(name, `a number from ${low} to ${high}`, value);
    },
  boolean: ((value, name) => {
    if (typeof value !== 'boolean') reject(name, 'true or false', value);
  }) satisfies Check,
  string: ((value, name) => {
    if (typeof value !== 'string') reject(name, 'a string', value);
  }) satisfies Check,
  function: ((value, name) => {
    if (typeof value !== 'function') reject(name, 'a function', value);
  }) satisfies Check,
  signal: ((value, name) => {
    if (!(value instanceof AbortSignal)) reject(name, 'an AbortSignal', value);
  }) satisfies Check,
  seed: ((value, name) => {
    const fits =
      typeof value === 'bigint'
        ? value >= 0n && value < 1n << 64n
        : Number.isSafeInteger(value) && (value as number) >= 0;
    if (!fits) reject(name, 'an integer from 0 to 2^53 - 1, or a bigint below 2^64', value);
  }) satisfies Check,
  size: ((value, name) => {
    const fits =
      typeof value === 'string'
        ? parseSize(value) !== undefined
        : Number.isSafeInteger(value) && (value as number) >= 1;
    if (!fits) reject(name, 'a number of bytes, or a size such as "6GiB"', value);
  }) satisfies Check,
  oneOf:
    (...values: string[]): Check =>
    (value, name) => {
      if (!values.includes(value as string)) reject(name, `one of ${values.join(', ')}`, value);
    },
  int32Array: ((value, name) => {
    if (!(value instanceof Int32Array)) reject(name, 'an Int32Array', value);
  }) satisfies Check,
  arrayOf:
    (each: Check, what: string): Check =>
    (value, name) => {
      if (!Array.isArray(value)) throw new InvalidArgumentError(`${name} must be an array of ${what}`);
      value.forEach((element, i) => {
        each(element, `${name}[${i}]`);
      });
    },
  /** [[layer, expert], ...] */
  expertPairs: ((value, name) => {
    const isPair = (pair: unknown) =>
      Array.isArray(pair) && pair.length === 2 && pair.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 31);
    if (!Array.isArray(value) || !value.every(isPair)) reject(name, 'an array of [layer, expert] pairs', value);
  }) satisfies Check,
  strings: ((value, name) => {
    const list = typeof value === 'string' ? [value] : value;
    if (!Array.isArray(list) || list.some((s) => typeof s !== 'string' || s === '')) {
      reject(name, 'a non-empty string or an array of such', value);
    }
  }) satisfies Check,
};

/**
 * Checks `options` against a table of its names. Undefined values count as absent.
 *
 * @throws InvalidArgumentError naming the option; for an unknown one the closest known name is suggested
 */
export function checkOptions(options: unknown, checks: Readonly<Record<string, Check>>, what: string): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) reject(what, 'an object', options);
  for (const [name, value] of Object.entries(options)) {
    const known = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!known)
      throw new InvalidArgumentError(
        `${what}: unknown option ${shortened(name)}${suggestion(name, Object.keys(checks))}`,
      );
    if (value !== undefined) known(value, name);
  }
}

/** Without what is undefined, so that it hides no default. */
export function defined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** Longer ones are no misspelt names, and comparing them takes long. */
const longestName = 64;

/** The end of an error about an unknown name: the one that was meant, if one is close, else all there are. */
export function suggestion(name: string, known: string[]): string {
  const meant = name.length > longestName ? undefined : closest(name, known);
  return meant === undefined ? `; known are ${known.join(', ')}` : `; did you mean ${meant}?`;
}

function closest(name: string, known: string[]): string | undefined {
  const ranked = known.map((candidate) => ({
    candidate,
    distance: editDistance(name.toLowerCase(), candidate.toLowerCase()),
  }));
  ranked.sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.ceil(name.length / 3) ? best.candidate : undefined;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
