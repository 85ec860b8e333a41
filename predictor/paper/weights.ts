/** The trained numbers of the paper's predictor (arXiv 2410.17954), a T5 of small width (arXiv 1910.10683). */

import { uniforms } from '../../lib/random.js';
import { gaussian } from '../initial-weights.js';
import { type RouteShape, sizeOf } from '../weights.js';

/** Sizes of the network; the defaults are t5-small's, but for the width, which the paper found by grid search. */
export interface PaperSizes {
  /** Width of a token's vector. */
  width: number;
  /** Layers of the encoder, and of the decoder. */
  blocks: number;
  heads: number;
  headWidth: number;
  /** Of the feed-forward networks. */
  inner: number;
}

export const defaultSizes: PaperSizes = { width: 32, blocks: 6, heads: 8, headWidth: 64, inner: 2048 };
export const sizeNames = Object.keys(defaultSizes) as (keyof PaperSizes)[];

/** Distances between tokens are put into so many buckets, which end at the longest. */
export const buckets = 32;
export const longestDistance = 128;

/** What the shapes of all arrays follow from. */
export interface PaperShape extends PaperSizes, RouteShape {
  /** Rows of the table of token vectors: of the known tokens, and before them one for all others. */
  vocabulary: number;
}

export interface PaperWeights extends PaperSizes, RouteShape {
  /** Ids with rows of their own, rising: from row 1 on. Row 0 is that of all others. */
  tokens: Int32Array;
  /** By name, as {@link paperShapes} has them. */
  arrays: Record<string, Float32Array>;
}

export const tableName = 'table';
export const headName = 'head';

/** The arrays by name and their shapes; matrices are [inputs, outputs]. */
export function paperShapes(shape: PaperShape): Record<string, number[]> {
  const { width, heads, headWidth, inner, vocabulary, layers, experts } = shape;
  const shapes: Record<string, number[]> = { [tableName]: [vocabulary, width] };
  const attention = (name: string) => {
    shapes[`${name}.norm`] = [width];
    for (const part of ['query', 'key', 'value']) shapes[`${name}.${part}`] = [width, heads * headWidth];
    shapes[`${name}.output`] = [heads * headWidth, width];
  };
  for (const stack of ['encoder', 'decoder']) {
    shapes[`${stack}.distances`] = [buckets, heads];
    for (let block = 0; block < shape.blocks; block++) {
      attention(`${stack}.${block}.self`);
      if (stack === 'decoder') attention(`${stack}.${block}.cross`);
      shapes[`${stack}.${block}.forward.norm`] = [width];
      shapes[`${stack}.${block}.forward.inner`] = [width, inner];
      shapes[`${stack}.${block}.forward.output`] = [inner, width];
    }
    shapes[`${stack}.norm`] = [width];
  }
  return { ...shapes, [headName]: [width, layers * experts] };
}

export function paperShapeOf({ tokens, arrays: _, ...sizes }: PaperWeights): PaperShape {
  return { ...sizes, vocabulary: tokens.length + 1 };
}

/** As T5 begins; a head as PyTorch begins a linear layer, which is what the prototype puts in place of T5's. */
export function initialPaperWeights(
  shape: Omit<PaperShape, 'vocabulary'>,
  tokens: Int32Array,
  seed: number,
): PaperWeights {
  const { width, heads, headWidth, inner } = shape;
  const random = uniforms(seed);
  const deviation = (name: string) => {
    if (name === tableName) return 1;
    if (name.endsWith('.query')) return (width * headWidth) ** -0.5;
    if (name.endsWith('.forward.output')) return inner ** -0.5;
    if (name.endsWith('.output')) return (heads * headWidth) ** -0.5;
    return width ** -0.5;
  };
  const begin = (name: string): (() => number) => {
    if (name.endsWith('norm')) return () => 1;
    if (name === headName) return () => (2 * random() - 1) * width ** -0.5;
    const by = deviation(name);
    return () => by * gaussian(random);
  };
  const arrays = Object.entries(paperShapes({ ...shape, vocabulary: tokens.length + 1 })).map(([name, dimensions]) => [
    name,
    new Float32Array(sizeOf(dimensions)).map(begin(name)),
  ]);
  return { ...shape, tokens, arrays: Object.fromEntries(arrays) };
}
