/** The trained numbers of a route predictor; native/prediction/route_predictor.h has the formula. */

import type { NativeRouteShape, NativeRouteWeights, NativeTokenTable } from '../lib/native/prediction.js';

export type RouteShape = NativeRouteShape;
export type RouteWeights = NativeRouteWeights;
export type TokenTable = NativeTokenTable;

/** Looks at the past, in the order of the native `RouteView`. */
export const routeViews = [
  'previous',
  'matched',
  'recurring',
  'fast',
  'medium',
  'slow',
  'succeeding',
  'table',
] as const;
/** Of these, the ones that the hidden layer reads. */
export const hiddenViews = [0, 1, 2, 4, 6, 7] as const;
/** The one whose direct factors go by how many tokens it is of, in as many buckets as a match has lengths. */
export const tableView = routeViews.indexOf('table');
/** A match is of 0 to 4 tokens. */
export const matchLengths = 5;
/** Whether the token uses an expert, and whether tokens soon after it do. */
export const heads = 2;

/** What the sizes of all arrays follow from. */
export interface WeightSizes extends RouteShape {
  tokenWidth: number;
  hidden: number;
  /** Token ids with rows of their own. */
  tokens: number;
}

/** The arrays by name and their shapes. */
export function weightShapes({ layers, experts, tokenWidth, hidden, tokens }: WeightSizes) {
  const outputs = layers * experts;
  return {
    current: [tokens + 1, tokenWidth],
    previous: [tokens + 1, tokenWidth],
    currentMatrix: [tokenWidth, hidden],
    previousMatrix: [tokenWidth, hidden],
    lengths: [matchLengths, hidden],
    hiddenBias: [hidden],
    views: [hiddenViews.length, outputs, hidden],
    output: [hidden, heads * outputs],
    outputBias: [heads * outputs],
    direct: [routeViews.length, matchLengths, heads * outputs],
  } satisfies Partial<Record<keyof RouteWeights, number[]>>;
}

export type WeightName = keyof ReturnType<typeof weightShapes>;

export function sizesOf(weights: RouteWeights): WeightSizes {
  const { layers, experts, expertsUsed, tokenWidth, hidden, tokens } = weights;
  return { layers, experts, expertsUsed, tokenWidth, hidden, tokens: tokens.length };
}

/** The arrays of a table that has rows for so many ids, and their shapes. */
export function tableShapes({ layers, experts }: RouteShape, tokens: number) {
  return { tableTokens: [tokens], table: [tokens + 1, layers * experts], tableBuckets: [tokens + 1] };
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
