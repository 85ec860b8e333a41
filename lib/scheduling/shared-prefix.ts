/** Which sequence has read already what another one begins with. */

/** What sharing goes by, of a sequence. */
export interface ReadTokens {
  /** All that it will have read before its next token is drawn. */
  readonly tokens: Int32Array;
  /** How many of them it has read. */
  readonly read: number;
}

export interface SharedPrefix<Sequence> {
  from: Sequence;
  /** Tokens that can be shared now, whole blocks of them. */
  now: number;
  /** Tokens that can be shared once `from` has read all of its own. */
  later: number;
}

/**
 * The longest beginning that `tokens` has in common with one of `others`, undefined if it is shorter than a block. The
 * last token is never shared: somebody has to compute what follows it.
 */
export function longestSharedPrefix<Sequence extends ReadTokens>(
  tokens: Int32Array,
  others: Iterable<Sequence>,
  blockTokens: number,
): SharedPrefix<Sequence> | undefined {
  let best: SharedPrefix<Sequence> | undefined;
  for (const from of others) {
    const common = Math.min(commonPrefix(tokens, from.tokens), tokens.length - 1);
    const later = wholeBlocks(common, blockTokens);
    const now = wholeBlocks(Math.min(common, from.read), blockTokens);
    if (later > 0 && (!best || later > best.later || (later === best.later && now > best.now))) {
      best = { from, now, later };
    }
  }
  return best;
}

function wholeBlocks(tokens: number, blockTokens: number): number {
  return tokens - (tokens % blockTokens);
}

function commonPrefix(a: Int32Array, b: Int32Array): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
