/** Sizes in bytes, as people write them. */

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** "6GiB", "1.5 GB" or "4096" as bytes; undefined for anything else, and for sizes below 1 or beyond 2^53. */
export function parseSize(text: string): number | undefined {
  const [, number, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = units[unit.toLowerCase()];
  if (number === undefined || factor === undefined) return undefined;
  const bytes = Math.floor(Number(number) * factor);
  return bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER ? bytes : undefined;
}

/** Of an option that was checked: a number of bytes, or a size such as "6GiB". */
export function bytesOf(size: number | string): number;
export function bytesOf(size: number | string | undefined): number | undefined;
export function bytesOf(size: number | string | undefined): number | undefined {
  return typeof size === 'string' ? parseSize(size) : size;
}
