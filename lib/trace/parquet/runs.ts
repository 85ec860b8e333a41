/** Run lengths in a page, counted before they are decoded: Parquet's RLE/bit-packing hybrid. */

/**
 * Whether the runs from `offset` on hold at most `values` values, up to there or to the end of the bytes.
 *
 * @param width bits of a value
 * @returns what is wrong
 * @throws RangeError where the bytes end within a run's length
 */
export function problemOfRuns(view: DataView, offset: number, width: number, values: number): string | undefined {
  let at = offset;
  for (let seen = 0; seen < values && at < view.byteLength; ) {
    let header = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = view.getUint8(at++);
      header |= (byte & 0x7f) << shift;
      more = byte >= 0x80;
      if (shift > 21) return 'a run is too long';
    }
    const packed = header & 1;
    const count = packed ? 8 * (header >>> 1) : header >>> 1;
    const bytes = packed ? (header >>> 1) * width : Math.ceil(width / 8);
    // Packed values may be filled up, but take their bytes; a value that is repeated takes none however often.
    if (count === 0 || at + bytes > view.byteLength || (!packed && count > values - seen)) {
      return `a run of ${count} values in ${bytes} bytes; ${values - seen} values and ${view.byteLength - at} bytes are left`;
    }
    at += bytes;
    seen += count;
  }
  return undefined;
}
