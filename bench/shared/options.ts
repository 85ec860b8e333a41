/** A whole number above 0 from the command line. */
export function count(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${option} ${text}: a whole number above 0 is needed`);
  return Number(text);
}

/** Several of them, separated by commas. */
export function counts(option: string, text: string): number[] {
  return text.split(',').map((part) => count(option, part));
}
