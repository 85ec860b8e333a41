/**
 * What each prompt gets of a step. Half goes to the oldest, so that none waits for ever, the rest to those that have the least
 * left, one after the other: to finish some soon and others later takes nobody's time and makes the mean wait shorter than to
 * go on with all of them alike (shortest remaining time first; Schrage, "A proof of the optimality of the shortest
 * remaining processing time discipline", 1968).
 *
 * @param wanted tokens that each has left, at least 1, the oldest first
 * @returns whole numbers, of which the sum is the lesser of `total` and all that is wanted
 */
export function promptShares(wanted: readonly number[], total: number): number[] {
  const shares = wanted.map(() => 0);
  let left = total;
  const give = (to: number, most: number) => {
    const share = Math.min(most, (wanted[to] as number) - (shares[to] as number));
    shares[to] = (shares[to] as number) + share;
    left -= share;
  };
  if (wanted.length > 0) give(0, Math.ceil(total / 2));
  const shortestFirst = [...wanted.keys()].sort((a, b) => (wanted[a] as number) - (wanted[b] as number));
  for (const i of shortestFirst) give(i, left);
  return shares;
}
