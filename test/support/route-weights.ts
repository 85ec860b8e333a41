/** Weights of route predictors whose answers are known. */

import type { NativeRouteWeights } from '../../lib/native.js';

/** Nearly sure that a token takes the route of the one before. */
export function previousTokenWeights(shape: {
  layers: number;
  experts: number;
  expertsUsed: number;
}): NativeRouteWeights {
  const outputs = shape.layers * shape.experts;
  const [tokenWidth, hidden, lengths, views] = [2, 3, 5, 5];
  // The first view is the previous token's route.
  const direct = new Float32Array(views * lengths * outputs).fill(20, 0, lengths * outputs);
  return {
    ...shape,
    tokenWidth,
    hidden,
    tokens: new Int32Array(),
    current: new Float32Array(tokenWidth),
    previous: new Float32Array(tokenWidth),
    currentMatrix: new Float32Array(tokenWidth * hidden),
    previousMatrix: new Float32Array(tokenWidth * hidden),
    lengths: new Float32Array(lengths * hidden),
    hiddenBias: new Float32Array(hidden),
    views: new Float32Array(3 * outputs * hidden),
    output: new Float32Array(hidden * outputs),
    outputBias: new Float32Array(outputs).fill(-10),
    direct,
  };
}
