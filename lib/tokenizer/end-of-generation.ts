/**
 * Which tokens end a generation. A file names only some of them (eos, eot, eom), so the known names are looked up too.
 * Source of the names: llama.cpp, `src/llama-vocab.cpp`.
 */

import { type TokenizerData, TokenType } from './tokenizer-data.js';
import type { Vocabulary } from './vocabulary.js';

/** Names that are never text, whatever type the file gives them. */
export const endTokenNames: ReadonlySet<string> = new Set([
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<|calls|>',
  '<|flush|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<end_of_turn>',
  '<end_of_utterance>',
  '<\uFF5Cend\u2581of\u2581sentence\uFF5C>',
  '<|fim_pad|>',
  '<|repo_name|>',
  '<|file_sep|>',
]);

/** Names that could be ordinary text, such as a closing HTML tag: they count only where the file says "control". */
const endTokenNamesIfControl: ReadonlySet<string> = new Set([
  '</s>',
  '<eos>',
  '<EOT>',
  '_<EOT>',
  '[EOT]',
  '[EOS]',
  '[e~[',
  '<turn|>',
]);

/** Ids of all tokens that end a generation. */
export function endOfGenerationIds(data: TokenizerData, vocabulary: Vocabulary): Set<number> {
  const ids = new Set<number>();
  const idByName = new Map<string, number>();
  for (let id = 0; id < vocabulary.size; id++) {
    const name = vocabulary.textOf(id);
    const ends =
      endTokenNames.has(name) || (endTokenNamesIfControl.has(name) && vocabulary.typeOf(id) === TokenType.Control);
    if (!ends) continue;
    ids.add(id);
    idByName.set(name, id);
  }
  removeEndOfMessage(ids, idByName);
  for (const id of [data.eosTokenId, data.eotTokenId, data.eomTokenId]) {
    if (id !== undefined && id < vocabulary.size) ids.add(id);
  }
  return ids;
}

/** In gpt-oss's harmony format <|end|> ends a message, after which the model goes on; <|return|> and <|call|> end the turn. */
function removeEndOfMessage(ids: Set<number>, idByName: ReadonlyMap<string, number>): void {
  const end = idByName.get('<|end|>');
  const isHarmony = idByName.has('<|return|>') && idByName.has('<|call|>');
  const isSolarOpen = idByName.has('<|calls|>') && idByName.has('<|flush|>');
  if (end !== undefined && (isHarmony || isSolarOpen)) ids.delete(end);
}
