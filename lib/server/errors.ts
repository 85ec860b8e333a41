/** What a caller is told of an error: a status and a body in the form of the OpenAI API. */

import {
  ContextFullError,
  DisposedError,
  InvalidArgumentError,
  MoeflowError,
  QueueFullError,
  UnsupportedError,
} from '../errors.js';

export interface ErrorDetails {
  /** Of the request's fields, the wrong one. */
  param?: string;
  /** Stable, for programs. */
  code?: string;
  headers?: Readonly<Record<string, string>>;
}

/** An error that is answered as it is. */
export class ApiError extends Error {
  readonly status: number;
  readonly param: string | undefined;
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, { param, code, headers = {} }: ErrorDetails = {}, cause?: unknown) {
    super(message, { cause });
    this.name = 'ApiError';
    this.status = status;
    this.param = param;
    this.code = code;
    this.headers = headers;
  }
}

export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

export function errorBody({ status, message, param, code }: ApiError): ErrorBody {
  return { error: { message, type: errorType(status), param: param ?? null, code: code ?? null } };
}

function errorType(status: number): string {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** Something that the OpenAI API has and this server has not. */
export function unsupported(param: string, message: string): ApiError {
  return new ApiError(400, message, { param, code: 'unsupported' });
}

export function shuttingDown(): ApiError {
  return new ApiError(503, 'the server is shutting down', { code: 'shutting_down', headers: { connection: 'close' } });
}

/** Seconds after which one that was refused may try again. Who waits in the queue decides, and nobody knows how long. */
const retryAfter = '1';

/** An error of a request that has begun: it was in order, so this is the server's. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof DisposedError) return shuttingDown();
  return fromFramework(error) ?? internal(error);
}

/** What a model throws at once, where the field `param` is what it was asked. */
export function refusal(error: unknown, param: string): ApiError {
  const { message } = error as Error;
  if (error instanceof InvalidArgumentError) return new ApiError(400, message, { param }, error);
  if (error instanceof UnsupportedError) return new ApiError(400, message, { param, code: 'unsupported' }, error);
  if (error instanceof ContextFullError) {
    return new ApiError(400, message, { param, code: 'context_length_exceeded' }, error);
  }
  if (error instanceof MoeflowError && error.code === 'CHAT_TEMPLATE_FAILED') {
    return new ApiError(400, message, { param, code: 'chat_template_failed' }, error);
  }
  if (error instanceof QueueFullError) {
    const details = { code: 'queue_full', headers: { 'retry-after': retryAfter } };
    return new ApiError(429, 'as many requests are waiting as may; try again later', details, error);
  }
  return toApiError(error);
}

/** Fastify's own errors carry a status; those below 500 are about the request. */
function fromFramework(error: unknown): ApiError | undefined {
  const { statusCode, code, message } = error as { statusCode?: unknown; code?: unknown; message: string };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return undefined;
  const known: Record<string, string> = {
    FST_ERR_CTP_BODY_TOO_LARGE: 'the body is larger than this server accepts (--body-limit)',
    FST_ERR_CTP_INVALID_MEDIA_TYPE: 'send the body as JSON, with the header "Content-Type: application/json"',
    FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty; it must be a JSON object',
  };
  const codes: Record<number, string> = { 413: 'body_too_large', 415: 'unsupported_media_type' };
  const text = known[String(code)] ?? (error instanceof SyntaxError ? `the body is no JSON: ${message}` : message);
  return new ApiError(statusCode, text, { code: codes[statusCode] }, error);
}

/** What went wrong inside may name files and addresses: that is for the server's log. */
function internal(error: unknown): ApiError {
  const code = error instanceof MoeflowError ? error.code.toLowerCase() : 'internal';
  return new ApiError(500, `the server failed (${code}); its log says more`, { code }, error);
}
