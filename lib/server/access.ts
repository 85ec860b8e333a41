/** Who may use the server. */

import { createHash, timingSafeEqual } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { ApiError } from './errors.js';

/** What is looked at, of a request. */
export interface AccessRequest {
  authorization: string | undefined;
  host: string | undefined;
  /** Of this machine: where the request has come in. */
  localAddress: string | undefined;
  /** A browser asks for a page, and its user can be asked for a name and a password. */
  forPeople: boolean;
}

/** @throws ApiError 401 for a missing or wrong key, 403 for a name that is not this machine's */
export function checkAccess(request: AccessRequest, apiKey: string | undefined): void {
  if (apiKey === undefined) checkHost(request);
  else checkKey(request, apiKey);
}

function checkKey({ authorization = '', forPeople }: AccessRequest, apiKey: string): void {
  const shown = /^Bearer +(.+)$/i.exec(authorization)?.[1] ?? (forPeople ? passwordOf(authorization) : undefined);
  if (shown !== undefined && isSame(shown, apiKey)) return;
  const message = shown === undefined ? 'no API key: send it as "Authorization: Bearer KEY"' : 'the API key is wrong';
  const scheme = forPeople ? 'Basic realm="moeflow: any name, and the API key as password", charset="UTF-8"' : 'Bearer';
  throw new ApiError(401, message, { code: 'invalid_api_key', headers: { 'www-authenticate': scheme } });
}

/** "name:password" of basic authentication: browsers ask their users for it. */
function passwordOf(authorization: string): string | undefined {
  const encoded = /^Basic +(.+)$/i.exec(authorization)?.[1];
  return encoded && /:([\s\S]*)$/.exec(Buffer.from(encoded, 'base64').toString())?.[1];
}

/** In a time that does not depend on where they differ, nor on their lengths. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer];
  return timingSafeEqual(left, right);
}

/**
 * A page from anywhere can have its own name point to this machine (DNS rebinding) and is then of the server's origin for
 * the browser. It cannot do so with a name that always means this machine.
 */
function checkHost({ host, localAddress }: AccessRequest): void {
  if (localAddress === undefined || !isLoopback(localAddress)) return;
  const name = (host ?? '').replace(/:\d+$/, '').toLowerCase();
  if (isLoopback(name)) return;
  throw new ApiError(
    403,
    `"${name}" is not a name of this machine alone: use localhost or 127.0.0.1, or start the server with an API key`,
    { code: 'forbidden_host' },
  );
}

/** A name or address that always means this machine. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1').replace(/^::ffff:/, '');
  if (isIPv4(address)) return address.startsWith('127.');
  return address === '::1' || address === 'localhost' || address.endsWith('.localhost');
}
