/** Cuts text into the words within which byte-level BPE merges. */

import { fallbackPreTokenizer, type PreTokenizerFacts, preTokenizers } from './pre-tokenizer-patterns.js';

export interface PreTokenizer extends PreTokenizerFacts {
  /** Set when the name was missing or unknown and another pre-tokenizer stands in for it. */
  readonly warning?: string;
  /** Cuts a text into pieces whose concatenation is the text. */
  split(text: string): string[];
}

/**
 * The pre-tokenizer of a `tokenizer.ggml.pre` value.
 * A file without the key, or with a name unknown here, still gets one, with a warning that says which.
 */
export function preTokenizerNamed(name: string | undefined): PreTokenizer {
  const facts = preTokenizers.get(name ?? 'default');
  const expressions = (facts ?? fallbackPreTokenizer).patterns.map(toExpression);
  return {
    ...(facts ?? fallbackPreTokenizer),
    warning: warningFor(name, facts !== undefined),
    split: (text) => expressions.reduce((pieces, expression) => splitPieces(pieces, expression), [text]),
  };
}

function warningFor(name: string | undefined, isKnown: boolean): string | undefined {
  if (name === undefined) {
    return (
      'tokenizer.ggml.pre is missing: the text is cut into words by the rule "default", ' +
      'which may not be the one the model was trained with. Convert the model again to be sure.'
    );
  }
  if (isKnown) return undefined;
  return (
    `tokenizer.ggml.pre is "${name}", which is not known here: the text is cut into words by the rule "llama-bpe", ` +
    `which may give other tokens than the model was trained with. Known: ${[...preTokenizers.keys()].join(', ')}.`
  );
}

/**
 * Translates a pattern to JavaScript, where `\s` is another set (it lacks U+0085 and has U+FEFF) and
 * `(?i:...)` is not understood before Node 23. Without case, "s" is also U+017F (long s), as in Unicode's case folding.
 * `\s+$` gets a look-behind, which changes no match but spares one attempt per space of a long run.
 */
function toExpression(pattern: string): RegExp {
  const source = pattern
    .replace(/^\\s\+\$$/, '(?<!\\s)\\s+$')
    .replace(/\(\?i:([^)]*)\)/g, (_, alternatives: string) => `(?:${withoutCase(alternatives)})`)
    .replaceAll('\\s', '\\p{White_Space}')
    .replaceAll('\\S', '\\P{White_Space}');
  return new RegExp(source, 'gu');
}

function withoutCase(alternatives: string): string {
  return alternatives.replace(
    /[a-z]/g,
    (letter) => `[${letter}${letter.toUpperCase()}${letter === 's' ? '\\u017F' : ''}]`,
  );
}

function splitPieces(pieces: readonly string[], expression: RegExp): string[] {
  const result: string[] = [];
  for (const piece of pieces) {
    let position = 0;
    for (const match of piece.matchAll(expression)) {
      if (match.index > position) result.push(piece.slice(position, match.index));
      result.push(match[0]);
      position = match.index + match[0].length;
    }
    if (position < piece.length) result.push(piece.slice(position));
  }
  return result;
}
