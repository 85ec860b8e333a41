/** What is answered to what does not become a request: it is no HTTP, too large in its headers, or does not come to its end. */

import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError, errorBody } from './errors.js';

/** Of Node and its parser, which says more of others in its `reason`. */
export interface ClientError {
  code?: string;
  reason?: string;
}

const known: Record<string, [status: number, message: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request took too long to come; send it at once'],
  HPE_HEADER_OVERFLOW: [431, 'the headers are larger than this server accepts; send fewer or shorter ones'],
};

/** Answers in the form of the OpenAI API, and closes the connection: there is no telling where its next request begins. */
export function answerClientError(error: ClientError, socket: Socket): void {
  const reason = error.reason ? `: ${error.reason}` : '';
  const [status, message] = known[error.code ?? ''] ?? [400, `the request is no HTTP/1.1${reason}`];
  if (socket.writable && isNext(socket)) socket.write(responseText(new ApiError(status, message)));
  socket.destroy();
}

/** Whether an answer would come next on a connection: not in the middle of another one, nor as that to another request. */
function isNext(socket: Socket & { _httpMessage?: ServerResponse | null }): boolean {
  const { _httpMessage: owed } = socket;
  return !owed || (!owed.headersSent && !owed.req.complete);
}

function responseText(error: ApiError): string {
  const body = JSON.stringify(errorBody(error));
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
