/** When a response is over: complete, or without anybody to read it. */

import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';

/**
 * Calls `then` once, at once if the connection is gone already. Of a connection that closes, Node tells only the response
 * that is being written, not those that wait behind it for their turn: so the connection itself is listened to.
 */
export function whenOver(response: ServerResponse, then: () => void): void {
  const { socket } = response.req;
  if (socket.destroyed) {
    then();
    return;
  }
  let isOver = false;
  const end = () => {
    response.off('close', end);
    socket.off('close', end);
    // The response that is being written hears of its connection's end while that is told.
    if (isOver) return;
    isOver = true;
    then();
  };
  // Any number of requests may be under way on a connection, and each listens until it is over.
  setMaxListeners(0, socket);
  response.on('close', end);
  socket.on('close', end);
}
