/** Whether tokens of a trace are what its header says. */

import { InvalidFileError } from '../errors.js';
import { NOT_RECORDED, type TraceHeader, type TraceTokens } from './trace.js';

/**
 * @param where of a row, as errors begin: "routes.csv:17"
 * @throws InvalidFileError for the first row that is wrong
 */
export function checkTokens(header: TraceHeader, tokens: TraceTokens, where: (row: number) => string): void {
  const values = tokens.count * header.layers * header.k;
  for (const [name, array] of Object.entries({ experts: tokens.experts, weights: tokens.weights })) {
    if (array && array.length !== values) {
      throw new InvalidFileError(
        `${where(0)}: ${array.length} ${name}; ${tokens.count} tokens x ${header.layers} layers x ${header.k} are ${values}`,
      );
    }
  }
  for (let row = 0; row < tokens.count; row++) {
    const problem = problemOfRow(header, tokens, row);
    if (problem) throw new InvalidFileError(`${where(row)}: ${problem}`);
  }
}

/** What is wrong with a row, if anything. */
export function problemOfRow(header: TraceHeader, tokens: TraceTokens, row: number): string | undefined {
  const [sequence, position, phase] = [tokens.sequence[row], tokens.position[row], tokens.phase[row]] as number[];
  if (!((sequence as number) >= 0)) return `sequence ${sequence}; 0 is the least`;
  if (!((position as number) >= 0)) return `position ${position}; 0 is the least`;
  if (!((phase as number) <= 1)) return `phase ${phase}; it must be prefill or decode`;
  for (let layer = 0; layer < header.layers; layer++) {
    const problem = problemOfLayer(header, tokens, (row * header.layers + layer) * header.k);
    if (problem) return `layer ${layer}: ${problem}`;
  }
  return undefined;
}

/** Of the k experts from index `at` on. */
function problemOfLayer({ experts: perLayer, k }: TraceHeader, tokens: TraceTokens, at: number): string | undefined {
  const { experts, weights } = tokens;
  if (experts[at] === NOT_RECORDED) {
    for (let i = 1; i < k; i++) {
      if (experts[at + i] !== NOT_RECORDED) return `only some of its ${k} experts are there`;
    }
    return undefined;
  }
  for (let i = 0; i < k; i++) {
    const expert = experts[at + i] as number;
    if (!(expert >= 0 && expert < perLayer)) return `expert ${expert}; ids go from 0 to ${perLayer - 1}`;
    for (let other = 0; other < i; other++)
      if (experts[at + other] === expert) return `expert ${expert} is there twice`;
    if (weights && !Number.isFinite(weights[at + i])) return `the weight of expert ${expert} is ${weights[at + i]}`;
  }
  return undefined;
}
