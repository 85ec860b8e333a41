/** What decoding at a cap was made of, in one round. */
export interface Decoding {
  /** Tokens per second under the cap, and with everything in memory. */
  speed: number;
  residentSpeed: number;
  /** Bytes of experts read per token. */
  bytesPerToken: number;
  /** The disk's best, in bytes per second. */
  diskSpeed: number;
}

export interface Roofline {
  /** Seconds per token: what the disk needs for the bytes, what computing needs, and what it took. */
  reading: number;
  computing: number;
  measured: number;
  /** Rate of reading over the disk's best. */
  diskShare: number;
  /** The roof over what it took, where all reading hides behind computing or the other way round: no way of loading is faster. */
  overlapped: number;
  /** The same where nothing is read before it is needed: above 1, fetching ahead hides some of it. */
  inTurn: number;
}

export function roofline({ speed, residentSpeed, bytesPerToken, diskSpeed }: Decoding): Roofline {
  const [reading, computing, measured] = [bytesPerToken / diskSpeed, 1 / residentSpeed, 1 / speed];
  return {
    reading,
    computing,
    measured,
    diskShare: (bytesPerToken * speed) / diskSpeed,
    overlapped: Math.max(reading, computing) / measured,
    inTurn: (reading + computing) / measured,
  };
}
