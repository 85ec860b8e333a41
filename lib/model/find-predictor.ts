/** The predictor that a load uses: the one that is named, or one beside the model. */

import { existsSync, statSync } from 'node:fs';
import { fromNative } from '../errors.js';
import { nativeAddon } from '../native/addon.js';
import type { NativeLoadOptions } from '../native/model.js';
import type { NativeRouteWeights } from '../native/prediction.js';
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
 * ends no load: it is left out where all experts fit in memory or there is little memory, and a problem is told.
 */
export async function findPredictor(choice: string, load: NativeLoadOptions): Promise<FoundPredictor | undefined> {
  if (choice === 'none') return undefined;
  // Most models have none, and their headers need not be read for that.
  if (choice === 'auto' && load.paths[0]?.endsWith('.gguf') && !existsSync(besideModel(load.paths[0])))
    return undefined;
  const addon = nativeAddon();
  const { model } = await addon.inspect({ paths: load.paths }).catch((error) => {
    throw fromNative(error);
  });
  // The load will say what is wrong with it.
  if (!model) return undefined;
  const first = model.paths[0] as string;
  const path = choice === 'auto' ? besideModel(first) : choice;
  if (choice === 'auto' && !(await isWorthIt(path, load))) return undefined;
  try {
    // Only now, as most loads are without one.
    const { readFitting } = await import('../../predictor/fits.js');
    const { expertLayers: layers, experts, expertsUsed: k } = model;
    const { weights } = await readFitting(path, { layers, experts, k, modelHash: await modelHash(first) });
    // In a budget that is just enough without it, one that was merely found has to stay out.
    if (choice === 'auto') await addon.plan({ ...load, predictor: weights });
    return { path, weights };
  } catch (error) {
    if (choice !== 'auto') throw error;
    return { path, problem: (error as Error).message };
  }
}

/** What a predictor takes of memory, while it is read, in sizes of its file; and the share of the experts' that it may take. */
const sizesInMemory = 4;
const mostOfExperts = 1 / 4;

/** Whether there is one, not all experts fit in memory anyway, and it leaves them enough of it. */
async function isWorthIt(path: string, load: NativeLoadOptions): Promise<boolean> {
  if (!existsSync(path)) return false;
  try {
    const { allExperts, expertBytes } = await nativeAddon().plan(load);
    return !allExperts && sizesInMemory * statSync(path).size <= mostOfExperts * expertBytes;
  } catch {
    // The load will say why it fails.
    return false;
  }
}

/** "model.gguf" and "model-00001-of-00003.gguf" have "model.predictor". */
export function besideModel(path: string): string {
  return `${path.replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '')}.predictor`;
}
