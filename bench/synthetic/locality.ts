import { type TensorType, tensorTypes } from '../../models/gguf/tensor-types.js';
import type { Shape } from './shapes.js';

/**
 * Routes that change slowly from token to token, as those of trained models do, and yet use all experts about evenly.
 *
 * The first layer's attention looks at the near past: every embedding begins with the same constants, queries and keys are
 * those constants spread over rotated pairs of medium frequency, and so the score of two positions is a sum of cosines of
 * their distance. What it finds there, a mean of random vectors of the last tokens, joins the residual stream; the stronger,
 * the more alike are the states that the routers of neighbouring tokens see. As tokens leave the near past, so do their experts.
 * Routers, values and the output head do not see the constants, which would favour the same few experts throughout.
 */
export interface Locality {
  /** How much stronger than the token itself the near past's vectors enter the residual stream, before they are averaged. */
  strength: number;
}

/**
 * Reuse measured at some strengths: means over prompts of 256 random tokens and 256 greedy ones after them, Q4_0, seeds 1
 * and 2. Stronger, greedy text begins to repeat itself, and its routes with it.
 */
const measured: Record<string, readonly (readonly [reuse: number, strength: number])[]> = {
  'olmoe-1b-7b': [
    [0.14, 1],
    [0.19, 2],
    [0.255, 3],
    [0.32, 4],
    [0.39, 5],
    [0.46, 6],
  ],
};

/**
 * The locality that gives a share of experts used again by the next token, between the strengths measured.
 *
 * @throws Error when the shape was not measured, or the share is out of its range.
 */
export function localityFor(shapeName: string, reuse: number): Locality {
  const points = measured[shapeName];
  if (!points) {
    const known = Object.keys(measured).join(', ');
    throw new Error(`--reuse: not measured for ${shapeName}; leave it out, or use --shape ${known}`);
  }
  const above = points.findIndex(([share]) => share >= reuse);
  const [upper, strength] = points[above] ?? [Number.NaN, 0];
  const [lower, weaker] = points[above - 1] ?? [upper, strength];
  if (!(reuse >= lower)) {
    throw new Error(`--reuse ${reuse}: a share from ${points[0]?.[0]} to ${points.at(-1)?.[0]} is needed, as in 0.4`);
  }
  return { strength: upper === lower ? strength : weaker + ((reuse - lower) / (upper - lower)) * (strength - weaker) };
}

/** What a matrix's row begins with, in place of random weights: the weights of the constant components. */
export type RowStart = (row: number) => Float32Array;

/** How rows begin in a file whose embeddings have a type. */
export interface RowStarts {
  /** Of embeddings: the constants. */
  constants: RowStart;
  /** Of matrices that are not to see the constants. */
  blind: RowStart;
  /** Of the first layer's queries and keys: the constants' mean, in the pairs (i, i + half a head) that turn at medium speed. */
  nearPast: RowStart;
}

export function rowStarts({ headWidth }: Shape, type: TensorType): RowStarts {
  // Whole blocks of every matrix, which are all of this type but for the routers.
  const count = Math.max(32, tensorTypes[type].blockValues);
  const [ones, zeros, mean] = [1, 0, 1 / count].map((value) => new Float32Array(count).fill(value)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const pairs = headWidth / 2;
  return {
    constants: () => ones,
    blind: () => zeros,
    nearPast: (row) => {
      const pair = row % pairs;
      return pair >= pairs / 4 && pair < (3 * pairs) / 4 ? mean : zeros;
    },
  };
}

/** Deviation of the random rest of the near past's queries and keys: small beside the constants' part. */
export function restDeviation(rowLength: number): number {
  return 1 / (8 * Math.sqrt(rowLength));
}
