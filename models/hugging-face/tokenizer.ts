import { bool, int32s, type MetadataValue, string, strings } from '../gguf/metadata.js';
import { readJson } from './config.js';

/** llama.cpp's token types (enum llama_token_type). */
const tokenTypes = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const;

/** Splits text before the merges; GGUF knows it as "qwen2", and a tokeniser that splits otherwise is another one. */
const qwen2Split =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

interface Tokenizer {
  model: { type?: string; vocab: Record<string, number>; merges: (string | [string, string])[] };
  added_tokens?: { id: number; content: string; special: boolean }[];
  pre_tokenizer?: PreTokenizer;
  post_processor?: PostProcessor;
}

interface PreTokenizer {
  type: string;
  pretokenizers?: PreTokenizer[];
  pattern?: { Regex?: string };
}

interface PostProcessor {
  type: string;
  single?: Record<string, unknown>[];
  processors?: PostProcessor[];
}

/**
 * GGUF's tokeniser metadata from a Hugging Face `tokenizer.json` (byte-level BPE, Qwen2's splitting).
 *
 * @param size the model's vocabulary; ids the tokeniser does not use are filled in
 * @throws Error naming the file, when the tokeniser is of another kind or does not fit the vocabulary.
 */
export function tokenizerMetadata(path: string, size: number): [string, MetadataValue][] {
  const tokenizer = readJson(path) as unknown as Tokenizer;
  if (tokenizer.model?.type !== 'BPE') {
    throw new Error(`${path}: model type is ${tokenizer.model?.type}; this converter reads byte-level BPE only`);
  }
  if (!splits(tokenizer.pre_tokenizer).includes(qwen2Split)) {
    throw new Error(`${path}: the pre-tokenizer is not Qwen2's; GGUF's "qwen2" would tokenise differently`);
  }
  const { tokens, types } = vocabulary(path, tokenizer, size);
  return [
    ['tokenizer.ggml.model', string('gpt2')],
    ['tokenizer.ggml.pre', string('qwen2')],
    ['tokenizer.ggml.tokens', strings(tokens)],
    ['tokenizer.ggml.token_type', int32s(types)],
    [
      'tokenizer.ggml.merges',
      strings(tokenizer.model.merges.map((pair) => (Array.isArray(pair) ? pair.join(' ') : pair))),
    ],
    ['tokenizer.ggml.add_bos_token', bool(beginsWithSpecial(tokenizer.post_processor))],
  ];
}

function vocabulary(path: string, tokenizer: Tokenizer, size: number): { tokens: string[]; types: number[] } {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(size).fill(tokenTypes.unused);
  const place = (text: string, id: number, type: number) => {
    if (!(id >= 0 && id < size)) {
      throw new Error(`${path}: token ${JSON.stringify(text)} has id ${id}, but the model's vocabulary is ${size}`);
    }
    tokens[id] = text;
    types[id] = type;
  };
  for (const [text, id] of Object.entries(tokenizer.model.vocab)) place(text, id, tokenTypes.normal);
  for (const { content, id, special } of tokenizer.added_tokens ?? []) {
    place(content, id, special ? tokenTypes.control : tokenTypes.userDefined);
  }
  return { tokens, types };
}

function splits(pre: PreTokenizer | undefined): string[] {
  if (!pre) return [];
  return [pre.pattern?.Regex ?? '', ...(pre.pretokenizers ?? []).flatMap(splits)];
}

/** Whether encoding a text puts a special token in front: only a template can do that. */
function beginsWithSpecial(processor: PostProcessor | undefined): boolean {
  if (processor?.type === 'Sequence') return (processor.processors ?? []).some(beginsWithSpecial);
  return processor?.type === 'TemplateProcessing' && 'SpecialToken' in (processor.single?.[0] ?? {});
}
