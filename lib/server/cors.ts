/** Which pages may call the server from a browser. */

/** Headers of an answer to a request from `origin`; none where its pages may not call. */
export function corsHeaders(origin: string | undefined, allowed: readonly string[]): Record<string, string> {
  if (allowed.length === 0) return {};
  if (allowed.includes('*')) return { 'access-control-allow-origin': '*' };
  // Caches must not give one origin the answer for another.
  const vary = { vary: 'Origin' };
  return origin !== undefined && allowed.includes(origin) ? { 'access-control-allow-origin': origin, ...vary } : vary;
}

/** Further ones for the question that browsers ask beforehand: clients have headers of their own, of which none harms. */
export function preflightHeaders(requestedHeaders: string | undefined): Record<string, string> {
  return {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': requestedHeaders ?? 'authorization, content-type',
    'access-control-max-age': '600',
  };
}
