/** Where an export goes, a piece at a time. */

/** Takes the next piece; resolves when it wants more. */
export type Sink = (piece: string | Uint8Array) => Promise<void>;

/** A 32-bit float with as many digits as tell it from its neighbours. */
export function shortest(value: number): number {
  return Number(value.toPrecision(9));
}
