/** The state of a training between two epochs, so that it can go on after an interruption. */

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { InvalidArgumentError, InvalidFileError } from '../../lib/errors.js';
import type { Moments } from '../adam.js';
import { Trainer, type TrainState } from '../trainer.js';
import { type RouteWeights, sizeOf, sizesOf, type WeightName, weightShapes } from '../weights.js';
import { decodeSafeTensors, encodeSafeTensors, type SafeTensors } from './safetensors.js';
import { readWhole, writeWhole } from './whole-file.js';

export interface Checkpoint {
  /** Epochs done, and since the best one. */
  epoch: number;
  sinceBest: number;
  bestLoss: number;
  best: RouteWeights;
  current: TrainState;
}

/** @param identity what a training must have in common with the one that goes on from it */
export async function writeCheckpoint(path: string, identity: string, checkpoint: Checkpoint): Promise<void> {
  const { best, current, epoch, sinceBest, bestLoss } = checkpoint;
  const arrays: SafeTensors['arrays'] = {};
  const shapes = weightShapes(sizesOf(best));
  for (const name of Object.keys(shapes) as WeightName[]) {
    const add = (what: string, data: Float32Array) => {
      arrays[`${what}.${name}`] = { type: 'F32', shape: shapes[name], data };
    };
    add('best', best[name]);
    add('weights', current.weights[name]);
    add('first', current.moments[name].first);
    add('second', current.moments[name].second);
  }
  const progress = JSON.stringify({ epoch, sinceBest, bestLoss, steps: current.steps });
  await writeWhole(path, encodeSafeTensors({ metadata: { identity, progress }, arrays }));
}

/**
 * Undefined if there is none.
 *
 * @param like weights of the sizes that it must have
 * @throws InvalidArgumentError when it is of another training; InvalidFileError when it is damaged
 */
export async function readCheckpoint(
  path: string,
  identity: string,
  like: RouteWeights,
): Promise<Checkpoint | undefined> {
  if (!existsSync(path)) return undefined;
  const { metadata, arrays } = decodeSafeTensors(await readWhole(path), path);
  if (metadata.identity !== identity) {
    throw new InvalidArgumentError(
      `${path} is left from a training with other settings or tokens; delete it to begin anew`,
    );
  }
  const shapes = weightShapes(sizesOf(like));
  const names = Object.keys(shapes) as WeightName[];
  const array = (name: string, size: number) => {
    const found = arrays[name];
    if (found?.type !== 'F32' || found.data.length !== size) {
      throw new InvalidFileError(
        `${path}: the array ${name} is not there as it should be; delete the file to begin anew`,
      );
    }
    return found.data as Float32Array;
  };
  const weightsOf = (what: string): RouteWeights => ({
    ...like,
    ...Object.fromEntries(names.map((name) => [name, array(`${what}.${name}`, sizeOf(shapes[name]))])),
  });
  const moments = Object.fromEntries(
    names.map((name) => {
      const size = sizeOf(shapes[name]);
      return [name, { first: array(`first.${name}`, size), second: array(`second.${name}`, size) }];
    }),
  ) as Record<WeightName, Moments>;
  const { epoch, sinceBest, bestLoss, steps } = JSON.parse(metadata.progress ?? '{}');
  const current = { ...Trainer.begin(weightsOf('weights')), moments, steps };
  return { epoch, sinceBest, bestLoss, best: weightsOf('best'), current };
}

export async function removeCheckpoint(path: string): Promise<void> {
  await rm(path, { force: true });
}
