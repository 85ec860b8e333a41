/** The errors that moeflow throws. `code` is stable; messages are for people. */

export type MoeflowErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_FILE'
  | 'UNSUPPORTED'
  | 'IO'
  | 'OUT_OF_MEMORY'
  | 'CONTEXT_FULL'
  | 'KV_CACHE_FULL'
  | 'QUEUE_FULL'
  | 'CHAT_TEMPLATE_FAILED'
  | 'CANCELLED'
  | 'DISPOSED'
  | 'ADDON_NOT_FOUND'
  | 'INTERNAL';

/** Base of all errors from loading and running models. */
export class MoeflowError extends Error {
  readonly code: MoeflowErrorCode;

  constructor(code: MoeflowErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An argument or option is wrong; the message names it and says what it must be. */
export class InvalidArgumentError extends MoeflowError {
  constructor(message: string, options?: ErrorOptions) {
    super('INVALID_ARGUMENT', message, options);
  }
}

/** The model file is damaged or contradicts itself; the message names file and place. */
export class InvalidFileError extends MoeflowError {
  constructor(message: string, options?: ErrorOptions) {
    super('INVALID_FILE', message, options);
  }
}

/** The file is sound but asks for something that moeflow does not do. */
export class UnsupportedError extends MoeflowError {
  constructor(message: string, options?: ErrorOptions) {
    super('UNSUPPORTED', message, options);
  }
}

/** A prompt, or a prompt and its answer, does not fit in the context. */
export class ContextFullError extends MoeflowError {
  constructor(message: string, options?: ErrorOptions) {
    super('CONTEXT_FULL', message, options);
  }
}

/** As many requests wait as may. */
export class QueueFullError extends MoeflowError {
  constructor(most: number, options?: ErrorOptions) {
    super(
      'QUEUE_FULL',
      `${most} requests are waiting already; try again later, or load the model with a larger maxQueued`,
      options,
    );
  }
}

/** The model was disposed of. */
export class DisposedError extends MoeflowError {
  constructor(message = 'the model was disposed of', options?: ErrorOptions) {
    super('DISPOSED', message, options);
  }
}

/** An error of the addon (which carries a code) as one of ours; anything else unchanged. */
export function fromNative(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof MoeflowError) return error;
  const code = (error as Error & { code?: unknown }).code;
  const options = { cause: error };
  switch (code) {
    case 'INVALID_ARGUMENT':
      return new InvalidArgumentError(error.message, options);
    case 'INVALID_FILE':
      return new InvalidFileError(error.message, options);
    case 'UNSUPPORTED':
      return new UnsupportedError(error.message, options);
    case 'CONTEXT_FULL':
      return new ContextFullError(error.message, options);
    case 'DISPOSED':
      return new DisposedError(error.message, options);
    case 'IO':
    case 'OUT_OF_MEMORY':
    case 'KV_CACHE_FULL':
    case 'CANCELLED':
    case 'INTERNAL':
      return new MoeflowError(code, error.message, options);
    default:
      return error;
  }
}
