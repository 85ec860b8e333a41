/** Pearson's chi-square test of draws against expected counts. */

export function softmax(logits: Float32Array, temperature: number): Float64Array {
  const peak = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - peak) / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** What is expected fewer than five times is counted together, as the test's approximation needs. */
export function chiSquareOf(draws: number[], expected: Map<number, number>): { statistic: number; degrees: number } {
  const counts = new Map<number, number>();
  for (const draw of draws) counts.set(draw, (counts.get(draw) ?? 0) + 1);
  const cells: { observed: number; expected: number }[] = [];
  const rare = { observed: 0, expected: 0 };
  for (const [value, count] of expected) {
    const observed = counts.get(value) ?? 0;
    if (count >= 5) cells.push({ observed, expected: count });
    else {
      rare.observed += observed;
      rare.expected += count;
    }
  }
  if (rare.expected >= 5) cells.push(rare);
  const statistic = cells.reduce((sum, cell) => sum + (cell.observed - cell.expected) ** 2 / cell.expected, 0);
  return { statistic, degrees: cells.length - 1 };
}

/** What a chi-square variable exceeds once in 10,000 times (Wilson and Hilferty 1931). */
export function chiSquareLimit(degrees: number): number {
  const normalQuantile = 3.719;
  const variance = 2 / (9 * degrees);
  return degrees * (1 - variance + normalQuantile * Math.sqrt(variance)) ** 3;
}
