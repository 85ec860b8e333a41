/** The tokenizer room: text to token ids and back, from a GGUF file's own vocabulary. */

export { supportedTokenizerModels } from './setup.js';
export { StreamingDetokenizer } from './streaming-detokenizer.js';
export type { DecodeOptions, TokenSource } from './token-text.js';
export { type EncodeOptions, Tokenizer } from './tokenizer.js';
export { type TokenizerData, TokenType, tokenizerDataFromMetadata } from './tokenizer-data.js';
