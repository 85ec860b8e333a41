/** What keeps a generation to a form. */
export interface TokenConstraint {
  /** Bits of the tokens that may come next, the lowest of each byte first: [vocabulary / 8, rounded up]. */
  allowed(): Uint8Array;
  /** A token has come. `complete`: the form is, and the generation ends. */
  accept(token: number): 'complete' | undefined;
}
