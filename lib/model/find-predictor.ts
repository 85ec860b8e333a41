/** The predictor that a load uses: the one that is named, or one beside the model. */

import { existsSync } from 'node:fs';
import { readPredictor } from '../../predictor/file/predictor-file.js';
import { checkFits } from '../../predictor/fits.js';
import { fromNative } from '../errors.js';
import { type NativeLoadOptions, type NativeRouteWeights, nativeAddon } from '../native.js';
import { modelHash } from '../trace/model-hash.js';

export interface FoundPredictor {
  path: string;
  /** Absent when it is of no use; then `problem` says why. */
  weights?: NativeRouteWeights;
  problem?: string;
}

/**
 * @param choice `none`, `auto` or a path
 * @param load what is to be loaded
 * @throws for a path: InvalidFileError when the file is damaged or for another model, MoeflowError `IO`. What `auto` finds
 * ends no load: it is left out where all experts fit in memory, and the problem is told where it is of no use.
 */
export async function findPredictor(choice: string, load: NativeLoadOptions): Promise<FoundPredictor | undefined> {
  if (choice === 'none') return undefined;
  const addon = nativeAddon();
  const { model } = await addon.inspect({ paths: load.paths }).catch((error) => {
    throw fromNative(error);
  });
  // The load will say what is wrong with it.
  if (!model) return undefined;
  const first = model.paths[0] as string;
  const path = choice === 'auto' ? besideModel(first) : choice;
  if (choice === 'auto' && (!existsSync(path) || (await allFit(load)))) return undefined;
  try {
    const predictor = await readPredictor(path);
    const { expertLayers: layers, experts, expertsUsed: k } = model;
    checkFits(predictor, { layers, experts, k, modelHash: await modelHash(first) }, path);
    // In a budget that is just enough without it, one that was merely found has to stay out.
    if (choice === 'auto') await addon.plan({ ...load, predictor: predictor.weights });
    return { path, weights: predictor.weights };
  } catch (error) {
    if (choice !== 'auto') throw error;
    return { path, problem: (error as Error).message };
  }
}

/** Also where a load fails: it will say why. */
async function allFit(load: NativeLoadOptions): Promise<boolean> {
  return nativeAddon()
    .plan(load)
    .then(
      ({ allExperts }) => allExperts,
      () => true,
    );
}

/** "model.gguf" and "model-00001-of-00003.gguf" have "model.predictor". */
export function besideModel(path: string): string {
  return `${path.replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '')}.predictor`;
}
