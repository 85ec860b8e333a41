/** Dividing what there is among those that want it. */

/**
 * Max-min fair shares (Bertsekas and Gallager, "Data Networks", section 6.5.2): nobody gets more than is wanted, and
 * what some do not want the others share alike. Where a fair share would be less than `least`, the later ones get
 * nothing, so that a few get on.
 *
 * @param wanted how much each would take, at least 1
 * @returns whole numbers, of which the sum is the lesser of `total` and all that is wanted
 */
export function fairShares(wanted: readonly number[], total: number, least = 1): number[] {
  const served = Math.min(wanted.length, Math.max(1, Math.floor(total / least)));
  const shares = wanted.map(() => 0);
  const bySize = [...shares.keys()].slice(0, served).sort((a, b) => (wanted[a] as number) - (wanted[b] as number));
  let left = total;
  bySize.forEach((i, done) => {
    shares[i] = Math.min(wanted[i] as number, Math.floor(left / (served - done)));
    left -= shares[i];
  });
  // What rounding and modest wishes have left goes to the first that would take more.
  for (let i = 0; i < wanted.length && left > 0; i++) {
    const more = Math.min(left, (wanted[i] as number) - (shares[i] as number));
    shares[i] = (shares[i] as number) + more;
    left -= more;
  }
  return shares;
}
