/**
 * Adam with decoupled weight decay (Kingma and Ba 2014, algorithm 1; Loshchilov and Hutter 2017, algorithm 2) on plain
 * arrays, so that its state is data like the weights it moves.
 */

const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-8;
/** Of weights, where nothing else is asked for. */
const usualDecay = 0.01;

/** Of one array. */
export interface Moments {
  first: Float32Array;
  second: Float32Array;
}

export function noMoments(size: number): Moments {
  return { first: new Float32Array(size), second: new Float32Array(size) };
}

/** Moves all values once; `step` counts from 1. */
export function adam(
  values: Float32Array,
  gradient: Float32Array,
  moments: Moments,
  rate: number,
  step: number,
  decay = usualDecay,
): void {
  update(values, gradient, moments, 0, values.length, scaleOf(rate, step, decay));
}

/**
 * Moves the rows of a table that a batch has used; the others, and their moments, stay as they are.
 *
 * @param rows [n] of the table, any of them more than once
 * @param gradient [n][width]
 */
export function adamOfRows(
  table: Float32Array,
  width: number,
  rows: Int32Array,
  gradient: Float32Array,
  moments: Moments,
  rate: number,
  step: number,
  decay = usualDecay,
): void {
  const sums = new Map<number, Float32Array>();
  addRows(sums, rows, width, gradient);
  const scale = scaleOf(rate, step, decay);
  for (const [row, sum] of sums) update(table, sum, moments, row * width, width, scale);
}

/** Adds [n][width] values to the sums of their rows. */
export function addRows(sums: Map<number, Float32Array>, rows: Int32Array, width: number, values: Float32Array): void {
  rows.forEach((row, i) => {
    const part = values.subarray(i * width, (i + 1) * width);
    const sum = sums.get(row);
    if (sum) addTo(sum, part);
    else sums.set(row, part.slice());
  });
}

export function addTo(sum: Float32Array, part: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (part[i] as number);
}

interface Scale {
  kept: number;
  rate: number;
  correction: number;
}

function scaleOf(rate: number, step: number, decay: number): Scale {
  return { kept: 1 - rate * decay, rate: rate / (1 - beta1 ** step), correction: 1 / (1 - beta2 ** step) };
}

function update(
  values: Float32Array,
  gradient: Float32Array,
  { first, second }: Moments,
  at: number,
  count: number,
  { kept, rate, correction }: Scale,
): void {
  for (let i = 0; i < count; i++) {
    const slope = gradient[i] as number;
    const mean = beta1 * (first[at + i] as number) + (1 - beta1) * slope;
    const square = beta2 * (second[at + i] as number) + (1 - beta2) * slope * slope;
    first[at + i] = mean;
    second[at + i] = square;
    values[at + i] = kept * (values[at + i] as number) - (rate * mean) / (Math.sqrt(square * correction) + epsilon);
  }
}
