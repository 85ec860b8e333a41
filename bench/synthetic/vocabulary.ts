import { bool, int32s, type MetadataValue, string, strings, uint32 } from '../../models/gguf/metadata.js';
import { byteCharacters } from './byte-characters.js';

const merges = [
  ['Ġ', 't'],
  ['h', 'e'],
  ['i', 'n'],
  ['Ġt', 'he'],
] as const;

/**
 * A byte-level BPE vocabulary that loads and can encode any text: the 256 bytes, a few merges, made-up words up to the
 * size wanted, and an end token as the last id.
 */
export function vocabularyMetadata(size: number, preTokenizer: string): [string, MetadataValue][] {
  const tokens = [...byteCharacters(), ...merges.map((pair) => pair.join(''))];
  while (tokens.length < size - 1) tokens.push(`Ġword${tokens.length}`);
  tokens.push('<|endoftext|>');
  const types = tokens.map((_, id) => (id === size - 1 ? 3 : 1));
  return [
    ['tokenizer.ggml.model', string('gpt2')],
    ['tokenizer.ggml.pre', string(preTokenizer)],
    ['tokenizer.ggml.tokens', strings(tokens)],
    ['tokenizer.ggml.token_type', int32s(types)],
    ['tokenizer.ggml.merges', strings(merges.map((pair) => pair.join(' ')))],
    ['tokenizer.ggml.add_bos_token', bool(false)],
    ['tokenizer.ggml.eos_token_id', uint32(size - 1)],
    ['tokenizer.ggml.bos_token_id', uint32(size - 1)],
  ];
}
