/** Token ids from a caller. */

import { InvalidArgumentError } from '../errors.js';

/** @throws InvalidArgumentError naming the index and the value of the first id that is none */
export function checkTokens(tokens: readonly number[] | Int32Array, vocabulary: number): Int32Array {
  if (!Array.isArray(tokens) && !(tokens instanceof Int32Array)) {
    throw new InvalidArgumentError('tokens must be an array of token ids or an Int32Array');
  }
  for (let i = 0; i < tokens.length; i++) {
    const id = tokens[i] as number;
    if (!Number.isInteger(id) || id < 0 || id >= vocabulary) {
      throw new InvalidArgumentError(`tokens[${i}] is ${String(id)}; ids are integers from 0 to ${vocabulary - 1}`);
    }
  }
  return Int32Array.from(tokens);
}
