export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** "median (lowest to highest)", or the value alone where there is one; "-" for none. */
export function spread(values: readonly number[], show: (value: number) => string): string {
  if (values.length === 0) return '-';
  if (values.length === 1) return show(values[0] as number);
  return `${show(median(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}
