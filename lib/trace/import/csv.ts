/** Lines of comma-separated values without quotes. */

import { InvalidFileError } from '../../errors.js';

/** Reads columns by their names, wherever they stand. */
export class CsvColumns {
  readonly #names: string[];
  readonly #where: string;

  constructor(header: string, where: string) {
    this.#names = header.split(',').map((name) => name.trim());
    this.#where = where;
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }

  /** @throws InvalidFileError if there is no such column */
  index(name: string): number {
    const index = this.#names.indexOf(name);
    if (index < 0) throw new InvalidFileError(`${this.#where}: there is no column ${name}`);
    return index;
  }

  /** @throws InvalidFileError for a line with another number of values */
  split(text: string, where: string): string[] {
    const values = text.split(',');
    if (values.length !== this.#names.length) {
      throw new InvalidFileError(`${where}: ${values.length} values for ${this.#names.length} columns`);
    }
    return values;
  }
}

/** @throws InvalidFileError naming the place and what the value should be */
export function integerIn(text: string | undefined, what: string, where: string): number {
  const value = Number(text);
  if (text === undefined || text.trim() === '' || !Number.isSafeInteger(value)) {
    throw new InvalidFileError(`${where}: ${what} is ${JSON.stringify(text)}, not an integer`);
  }
  return value;
}
