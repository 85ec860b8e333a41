/**
 * How each known `tokenizer.ggml.pre` cuts text into words before merging.
 *
 * The patterns are those of the models' published tokenizer.json files, in that notation (Oniguruma). Each pattern of a
 * list is applied to the pieces that the one before it left; matches and the gaps between them become pieces.
 * Names: llama.cpp, `src/llama-vocab.cpp` and `convert_hf_to_gguf.py`.
 */

export interface PreTokenizerFacts {
  /** Patterns in the order of application. */
  readonly patterns: readonly string[];
  /** A word that is a token as a whole stays whole, whatever the merges say. */
  readonly ignoreMerges?: boolean;
  /** What `add_bos_token` means when the file does not say. */
  readonly addBos?: boolean;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const whitespace = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** The form of GPT-4's cl100k, with its rule for digits. */
function cl100k(digits: string): string {
  return `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${whitespace}`;
}

/** The form of GPT-4o's o200k: words are cut where lower case turns to upper case. */
function o200k(digits: string, suffix: string): string {
  const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
  const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
  const before = '[^\\r\\n\\p{L}\\p{N}]?';
  const words = `${before}${upper}*${lower}+${suffix}|${before}${upper}+${lower}*${suffix}`;
  return `${words}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${whitespace}`;
}

const asciiPunctuation = '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]';

const deepseekV3 = [
  '\\p{N}{1,3}',
  '[\\u4E00-\\u9FA5\\u3040-\\u309F\\u30A0-\\u30FF]+',
  `${asciiPunctuation}[A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|${whitespace}`,
];

const deepseekIdeographs = '[\\u4E00-\\u9FA5\\u0800-\\u4E00\\uAC00-\\uD7FF]+';

/** Letters that have case, as of the Unicode version that DeepSeek's vocabulary was made with. */
const deepseekCasedLetters =
  'A-Za-z\\u00B5\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u01BA\\u01BC-\\u01BF\\u01C4-\\u0293\\u0295-\\u02AF' +
  '\\u0370-\\u0373\\u0376\\u0377\\u037B-\\u037D\\u037F\\u0386\\u0388-\\u038A\\u038C\\u038E-\\u03A1\\u03A3-\\u03F5' +
  '\\u03F7-\\u0481\\u048A-\\u052F\\u0531-\\u0556\\u10A0-\\u10C5\\u13A0-\\u13F5\\u13F8-\\u13FD\\u1C90-\\u1CBA' +
  '\\u1CBD-\\u1CBF\\u1D00-\\u1D2B\\u1D6B-\\u1D77\\u1D79-\\u1D9A\\u1E00-\\u1F15\\u1F18-\\u1F1D\\u1F20-\\u1F45' +
  '\\u1F48-\\u1F4D\\u1F50-\\u1F57\\u1F59\\u1F5B\\u1F5D\\u1F5F-\\u1F7D\\u1F80-\\u1FB4\\u1FB6-\\u1FBC\\u1FBE' +
  '\\u1FC2-\\u1FC4\\u1FC6-\\u1FCC\\u1FD0-\\u1FD3\\u1FD6-\\u1FDB\\u1FE0-\\u1FEC\\u1FF2-\\u1FF4\\u1FF6-\\u1FFC' +
  '\\u2102\\u2107\\u210A-\\u2113\\u2115\\u2119-\\u211D\\u2124\\u2126\\u2128\\u212A-\\u212D\\u212F-\\u2134\\u2139' +
  '\\u213C-\\u213F\\u2145-\\u2149\\u214E\\u2183\\u2184\\u2C00-\\u2C7B\\u2C7E-\\u2CE4\\u2CEB-\\u2CEE\\u2CF2\\u2CF3' +
  '\\uA640-\\uA66D\\uA680-\\uA69B\\uA722-\\uA76F\\uA771-\\uA787\\uA78B-\\uA78E\\uAB70-\\uABBF\\uFB00-\\uFB06' +
  '\\uFB13-\\uFB17\\uFF21-\\uFF3A\\uFF41-\\uFF5A\\u{10400}-\\u{1044F}\\u{104B0}-\\u{104D3}\\u{104D8}-\\u{104FB}' +
  '\\u{10C80}-\\u{10CB2}\\u{10CC0}-\\u{10CF2}\\u{118A0}-\\u{118DF}\\u{1E900}-\\u{1E943}';

const deepseekPunctuation = '[!-/:-~\\uFF01-\\uFF0F\\uFF1A-\\uFF5E\\u2018-\\u201F\\u3000-\\u3002]+';

const llama3 = [cl100k('\\p{N}{1,3}')];
const digitsThenGpt2 = { patterns: ['\\p{N}', gpt2] };
const qwen2 = { patterns: [cl100k('\\p{N}')] };
const gpt4o = { patterns: [o200k('\\p{N}{1,3}', `${contractions}?`)], ignoreMerges: true };
const withLlama3Merges = { patterns: llama3, ignoreMerges: true, addBos: true };

/** Facts by the value of `tokenizer.ggml.pre`. */
export const preTokenizers: ReadonlyMap<string, PreTokenizerFacts> = new Map<string, PreTokenizerFacts>([
  ['default', { patterns: ['[\\p{P}$+<=>\\^~|]+', gpt2, '\\p{N}+', '[0-9][0-9][0-9]'] }],
  ['gpt-2', { patterns: [gpt2] }],
  ['gpt2', { patterns: [gpt2] }],
  ['olmo', { patterns: [gpt2] }],
  ['dolma', { patterns: [gpt2] }],
  ['granite-docling', { patterns: [gpt2] }],
  ['starcoder', digitsThenGpt2],
  ['refact', digitsThenGpt2],
  ['smollm', digitsThenGpt2],
  ['command-r', digitsThenGpt2],
  ['llama3', withLlama3Merges],
  ['llama-v3', withLlama3Merges],
  ['llama-bpe', withLlama3Merges],
  ['dbrx', { patterns: llama3 }],
  ['smaug-bpe', { patterns: llama3 }],
  ['glm4', { patterns: llama3 }],
  ['chatglm-bpe', { patterns: llama3 }],
  ['qwen2', qwen2],
  ['deepseek-r1-qwen', qwen2],
  ['megrez', qwen2],
  ['hunyuan', qwen2],
  [
    'deepseek-llm',
    {
      patterns: [
        '[\\r\\n]',
        `\\s?[${deepseekCasedLetters}]+`,
        `\\s?${deepseekPunctuation}`,
        '\\s+$',
        deepseekIdeographs,
        '\\p{N}',
      ],
    },
  ],
  ['deepseek-coder', { patterns: ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', deepseekIdeographs, '\\p{N}'] }],
  ['deepseek-v3', { patterns: deepseekV3 }],
  ['hunyuan-dense', { patterns: deepseekV3 }],
  ['joyai-llm', { patterns: deepseekV3 }],
  ['gpt-4o', gpt4o],
  ['o200k', gpt4o],
  ['llama4', gpt4o],
  ['minimax-m2', gpt4o],
  ['tekken', { patterns: [o200k('\\p{N}', '')], ignoreMerges: true, addBos: true }],
]);

/** For a name that is not in the table: most newer vocabularies were made with this one. */
export const fallbackPreTokenizer: PreTokenizerFacts = { patterns: llama3 };
