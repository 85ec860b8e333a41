/** Weights of route predictors whose answers are known. */

import type { NativeRouteWeights } from '../../lib/native/prediction.js';
import { heads, matchLengths, sizeOf, type WeightName, weightShapes } from '../../predictor/weights.js';

/** Nearly sure that a token takes the route of the one before. */
export function previousTokenWeights(shape: {
  layers: number;
  experts: number;
  expertsUsed: number;
}): NativeRouteWeights {
  const sizes = { ...shape, tokenWidth: 2, hidden: 3, tokens: 0 };
  const arrays = Object.fromEntries(
    Object.entries(weightShapes(sizes)).map(([name, array]) => [name, new Float32Array(sizeOf(array))]),
  ) as Pick<NativeRouteWeights, WeightName>;
  arrays.outputBias.fill(-10);
  // The first view is the previous token's route.
  const outputs = shape.layers * shape.experts;
  arrays.direct.fill(20, 0, matchLengths * heads * outputs);
  const table = { tableTokens: new Int32Array(), table: new Uint8Array(outputs), tableBuckets: new Uint8Array(1) };
  return { ...arrays, ...table, ...sizes, tokens: new Int32Array() };
}
