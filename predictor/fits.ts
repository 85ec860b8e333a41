/** Whether a predictor is for the model, or the trace, that it is to be used with. */

import { InvalidFileError } from '../lib/errors.js';
import { type Predictor, readPredictor } from './file/predictor-file.js';

export interface PredictedModel {
  layers: number;
  experts: number;
  k: number;
  modelHash?: string;
}

/** @throws InvalidFileError for a damaged file, or one of another model; MoeflowError `IO` */
export async function readFitting(path: string, wanted: PredictedModel): Promise<Predictor> {
  const predictor = await readPredictor(path);
  checkFits(predictor, wanted, path);
  return predictor;
}

/** @throws InvalidFileError saying what differs */
export function checkFits({ weights, model, modelHash }: Predictor, wanted: PredictedModel, path: string): void {
  const { layers, experts, expertsUsed } = weights;
  if (layers !== wanted.layers || experts !== wanted.experts || expertsUsed !== wanted.k) {
    throw new InvalidFileError(
      `${path}: it is for ${layers} layers with ${expertsUsed} of ${experts} experts per token, but the model has ${wanted.layers} with ${wanted.k} of ${wanted.experts}; train one for this model`,
    );
  }
  if (modelHash === undefined || wanted.modelHash === undefined || modelHash === wanted.modelHash) return;
  throw new InvalidFileError(
    `${path}: it was trained for another file${model ? ` (${model})` : ''}: routes depend on the weights, so train one for this model`,
  );
}
