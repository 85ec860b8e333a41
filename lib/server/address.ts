/** Where a server listens. */

import { lookup } from 'node:dns/promises';

/**
 * The address to listen on for a name or an address. For `localhost`, Fastify would listen on two, and its second server lets
 * requests with an `Upgrade` header wait for ever.
 */
export async function oneAddress(host: string): Promise<string> {
  return host === 'localhost' ? (await lookup(host, { order: 'ipv4first' })).address : host;
}
