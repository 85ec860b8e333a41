/** What went wrong, for programs: the data is unusable, the file's tokenizer cannot be used here, or a call had a bad argument. */
export type TokenizerErrorCode = 'TOKENIZER_DATA_INVALID' | 'TOKENIZER_UNAVAILABLE' | 'TOKENIZER_ARGUMENT_INVALID';

/** Any failure of the tokenizer room. The message names the metadata key or argument, the value seen and what to do. */
export class TokenizerError extends Error {
  readonly code: TokenizerErrorCode;

  constructor(code: TokenizerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TokenizerError';
    this.code = code;
  }
}

/** A value as it should look inside an error message: short, and with its type visible. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  return `a value of type ${typeof value}`;
}
