/** The paper's predictor in a file like the default one's, of the kind `paper`. */

import { InvalidFileError } from '../../lib/errors.js';
import { check } from '../../lib/options.js';
import { factsOf, type PredictorFacts, readDescribed, valuesOf, writeDescribed } from '../file/described-file.js';
import { asRead, type SafeTensors } from '../file/safetensors.js';
import { type PaperShape, type PaperWeights, paperShapeOf, paperShapes } from './weights.js';

export interface PaperPredictor extends PredictorFacts {
  weights: PaperWeights;
}

const kind = 'paper';
const size = check.integer(1, 2 ** 14);
const sizes = {
  layers: check.integer(1, 2 ** 16),
  experts: check.integer(1, 2 ** 15),
  expertsUsed: check.integer(1, 2 ** 15),
  width: size,
  blocks: check.integer(1, 256),
  heads: check.integer(1, 256),
  headWidth: size,
  inner: size,
};
type Sizes = Omit<PaperShape, 'vocabulary'>;

/** Weights as the file holds them, in half precision: to be done before they are measured. */
export function roundedPaperWeights(weights: PaperWeights): PaperWeights {
  const { vocabulary: _, ...known } = paperShapeOf(weights);
  return weightsOf(asRead(arraysOf(weights)), known, 'weights');
}

/** @throws MoeflowError `IO` */
export async function writePaperPredictor(path: string, predictor: PaperPredictor): Promise<void> {
  const { vocabulary: _, ...known } = paperShapeOf(predictor.weights);
  await writeDescribed(path, kind, { ...factsOf(predictor), ...known }, arraysOf(predictor.weights));
}

/** @throws InvalidFileError for what is damaged or no predictor of this kind; MoeflowError `IO` */
export async function readPaperPredictor(path: string): Promise<PaperPredictor> {
  const { description, arrays } = await readDescribed<Sizes>(path, kind, sizes);
  const { layers, experts, expertsUsed, width, blocks, heads, headWidth, inner, ...known } = description;
  const shape = { layers, experts, expertsUsed, width, blocks, heads, headWidth, inner };
  return { ...known, weights: weightsOf(arrays, shape, path) };
}

function arraysOf(weights: PaperWeights): SafeTensors['arrays'] {
  const arrays: SafeTensors['arrays'] = {
    tokens: { type: 'I32', shape: [weights.tokens.length], data: weights.tokens },
  };
  for (const [name, shape] of Object.entries(paperShapes(paperShapeOf(weights)))) {
    arrays[name] = { type: 'F16', shape, data: weights.arrays[name] as Float32Array };
  }
  return arrays;
}

function weightsOf(arrays: SafeTensors['arrays'], shape: Sizes, where: string): PaperWeights {
  const { tokens } = arrays;
  if (tokens?.type !== 'I32') throw new InvalidFileError(`${where}: it has no token ids; train the predictor again`);
  const vocabulary = tokens.data.length + 1;
  const floats = Object.entries(paperShapes({ ...shape, vocabulary })).map(([name, dimensions]) => [
    name,
    valuesOf(arrays, name, dimensions, 'F16', where),
  ]);
  return { ...shape, tokens: tokens.data as Int32Array, arrays: Object.fromEntries(floats) };
}
