/** A trained predictor in a file: safetensors, with what it is for and how good it was in the metadata. */

import { check } from '../../lib/options.js';
import { type RouteWeights, sizesOf, tableShapes, type WeightName, weightShapes } from '../weights.js';
import { factsOf, type PredictorFacts, readDescribed, valuesOf, writeDescribed } from './described-file.js';
import { asRead, type SafeTensors } from './safetensors.js';

export type { PredictorFacts } from './described-file.js';

export interface Predictor extends PredictorFacts {
  weights: RouteWeights;
}

const kind = 'route-path';
const sizes = {
  layers: check.integer(1, 2 ** 16),
  experts: check.integer(1, 2 ** 15),
  expertsUsed: check.integer(1, 2 ** 15),
  tokenWidth: check.integer(1, 2 ** 14),
  hidden: check.integer(1, 2 ** 14),
};

/** The tables of ids as the file holds them; the other arrays are in half precision. */
const tableTypes = { tableTokens: 'I32', tableBuckets: 'U8', table: 'U8' } as const;

/** Weights as the file holds them, rounded: to be done before they are measured. */
export function roundedWeights(weights: RouteWeights): RouteWeights {
  return weightsOf(asRead(arraysOf(weights)), sizesOf(weights));
}

/** @throws MoeflowError `IO` */
export async function writePredictor(path: string, predictor: Predictor): Promise<void> {
  const { tokens: _, ...known } = sizesOf(predictor.weights);
  await writeDescribed(path, kind, { ...factsOf(predictor), ...known }, arraysOf(predictor.weights));
}

/** @throws InvalidFileError for what is damaged or no predictor; MoeflowError `IO` */
export async function readPredictor(path: string): Promise<Predictor> {
  const { description, arrays } = await readDescribed<Record<keyof typeof sizes, number>>(path, kind, sizes);
  const { layers, experts, expertsUsed, tokenWidth, hidden, ...known } = description;
  const tokens = arrays.tokens?.data.length ?? 0;
  return { ...known, weights: weightsOf(arrays, { layers, experts, expertsUsed, tokenWidth, hidden, tokens }, path) };
}

function arraysOf(weights: RouteWeights): SafeTensors['arrays'] {
  const shapes = weightShapes(sizesOf(weights));
  const arrays: SafeTensors['arrays'] = {
    tokens: { type: 'I32', shape: [weights.tokens.length], data: weights.tokens },
  };
  for (const name of Object.keys(shapes) as WeightName[]) {
    arrays[name] = { type: 'F16', shape: shapes[name], data: weights[name] };
  }
  // At the end, as what takes single bytes moves what follows off its place.
  const ofTable = tableShapes(weights, weights.tableTokens.length);
  for (const name of Object.keys(tableTypes) as (keyof typeof tableTypes)[]) {
    arrays[name] = { type: tableTypes[name], shape: ofTable[name], data: weights[name] };
  }
  return arrays;
}

function weightsOf(arrays: SafeTensors['arrays'], sizes: ReturnType<typeof sizesOf>, where = 'weights'): RouteWeights {
  const shapes = weightShapes(sizes);
  const floats = Object.fromEntries(
    (Object.keys(shapes) as WeightName[]).map((name) => [name, valuesOf(arrays, name, shapes[name], 'F16', where)]),
  );
  const tokens = valuesOf(arrays, 'tokens', [sizes.tokens], 'I32', where);
  const ofTable = tableShapes(sizes, arrays.tableTokens?.data.length ?? 0);
  const table = Object.fromEntries(
    (Object.keys(tableTypes) as (keyof typeof tableTypes)[]).map((name) => [
      name,
      valuesOf(arrays, name, ofTable[name], tableTypes[name], where),
    ]),
  );
  return { ...sizes, ...floats, tokens, ...table } as RouteWeights;
}
