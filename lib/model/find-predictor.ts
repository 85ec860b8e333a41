/** The predictor that a load uses: the one that is named, or one beside the model. */

import { existsSync } from 'node:fs';
import { readPredictor } from '../../predictor/file/predictor-file.js';
import { checkFits } from '../../predictor/fits.js';
import { fromNative } from '../errors.js';
import { type NativeRouteWeights, nativeAddon } from '../native.js';
import { modelHash } from '../trace/model-hash.js';

export interface FoundPredictor {
  path: string;
  /** Absent when it is of no use; then `problem` says why. */
  weights?: NativeRouteWeights;
  problem?: string;
}

/**
 * @param wanted `none`, `auto` or a path
 * @param paths the model, as for loadModel
 * @throws for a path: InvalidFileError when the file is damaged or for another model, MoeflowError `IO`. What `auto`
 * finds ends no load: the problem is told.
 */
export async function findPredictor(wanted: string, paths: string[]): Promise<FoundPredictor | undefined> {
  if (wanted === 'none') return undefined;
  const { model } = await nativeAddon()
    .inspect({ paths })
    .catch((error) => {
      throw fromNative(error);
    });
  // The load will say what is wrong with it.
  if (!model) return undefined;
  const first = model.paths[0] as string;
  const path = wanted === 'auto' ? besideModel(first) : wanted;
  if (wanted === 'auto' && !existsSync(path)) return undefined;
  try {
    const predictor = await readPredictor(path);
    const { expertLayers: layers, experts, expertsUsed: k } = model;
    checkFits(predictor, { layers, experts, k, modelHash: await modelHash(first) }, path);
    return { path, weights: predictor.weights };
  } catch (error) {
    if (wanted !== 'auto') throw error;
    return { path, problem: (error as Error).message };
  }
}

/** "model.gguf" and "model-00001-of-00003.gguf" have "model.predictor". */
export function besideModel(path: string): string {
  return `${path.replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '')}.predictor`;
}
