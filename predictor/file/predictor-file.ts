/** A trained predictor in a file: safetensors, with what it is for and how good it was in the metadata. */

import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { InvalidFileError, MoeflowError } from '../../lib/errors.js';
import { check, checkOptions } from '../../lib/options.js';
import { version } from '../../lib/version.js';
import { type RouteWeights, sizeOf, sizesOf, type WeightName, weightShapes } from '../weights.js';
import { decodeSafeTensors, encodeSafeTensors, type NamedArray, type SafeTensors } from './safetensors.js';

const formatVersion = 1;

/** What it was trained on and how good it was on tokens that it had not seen. */
export interface PredictorFacts {
  model?: string;
  /** Of the model: see `modelHash`. It is of use with no other one. */
  modelHash?: string;
  architecture?: string;
  trainedTokens: number;
  heldOutTokens: number;
  /** Share of a held-out token's experts among the k, and the 2k, most probable ones. */
  recall: number;
  recallOfTwice: number;
}

export interface Predictor extends PredictorFacts {
  weights: RouteWeights;
}

const facts = {
  version: check.integer(1, 2 ** 31),
  kind: check.oneOf('route-path'),
  writer: check.string,
  model: check.string,
  modelHash: check.string,
  architecture: check.string,
  trainedTokens: check.integer(0),
  heldOutTokens: check.integer(0),
  recall: check.number(0, 1),
  recallOfTwice: check.number(0, 1),
  layers: check.integer(1, 2 ** 16),
  experts: check.integer(1, 2 ** 15),
  expertsUsed: check.integer(1, 2 ** 15),
  tokenWidth: check.integer(1, 2 ** 14),
  hidden: check.integer(1, 2 ** 14),
};

/** Weights as the file holds them, in half precision: to be done before they are measured. */
export function roundedWeights(weights: RouteWeights): RouteWeights {
  return weightsOf(
    decodeSafeTensors(encodeSafeTensors({ metadata: {}, arrays: arraysOf(weights) }), 'weights'),
    sizesOf(weights),
  );
}

/** @throws MoeflowError `IO` */
export async function writePredictor(path: string, predictor: Predictor): Promise<void> {
  const { weights, model, modelHash, architecture, trainedTokens, heldOutTokens, recall, recallOfTwice } = predictor;
  const known: PredictorFacts = {
    model,
    modelHash,
    architecture,
    trainedTokens,
    heldOutTokens,
    recall,
    recallOfTwice,
  };
  const arrays = arraysOf(weights);
  const { tokens: _, ...sizes } = sizesOf(weights);
  const description = {
    version: formatVersion,
    kind: 'route-path',
    writer: `moeflow ${version()}`,
    ...known,
    ...sizes,
  };
  const metadata = { 'moeflow.predictor': JSON.stringify(description), sha256: digest(arrays) };
  try {
    // Whole or not at all, and the one before stays until then.
    await writeFile(`${path}.part`, encodeSafeTensors({ metadata, arrays }));
    await rename(`${path}.part`, path);
  } catch (error) {
    throw new MoeflowError('IO', `cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws InvalidFileError for what is damaged or no predictor; MoeflowError `IO` */
export async function readPredictor(path: string): Promise<Predictor> {
  const file = await readFile(path).catch((error) => {
    throw new MoeflowError('IO', `cannot read ${path}: ${error.message}`, { cause: error });
  });
  const content = decodeSafeTensors(file, path);
  const text = content.metadata['moeflow.predictor'];
  if (text === undefined)
    throw new InvalidFileError(`${path}: it is no predictor of moeflow; train one with: moeflow predictor train`);
  const description = descriptionOf(text, path);
  if (content.metadata.sha256 !== digest(content.arrays)) {
    throw new InvalidFileError(`${path}: its contents are damaged (the checksum differs); copy or train it again`);
  }
  const { layers, experts, expertsUsed, tokenWidth, hidden, version: _v, kind: _k, writer: _w, ...known } = description;
  const tokens = content.arrays.tokens?.data.length ?? 0;
  return { ...known, weights: weightsOf(content, { layers, experts, expertsUsed, tokenWidth, hidden, tokens }, path) };
}

type Description = PredictorFacts &
  Omit<ReturnType<typeof sizesOf>, 'tokens'> & { version: number; kind: string; writer: string };

function descriptionOf(text: string, path: string): Description {
  try {
    const description = JSON.parse(text) as Description;
    checkOptions(description, facts, 'description');
    for (const name of ['version', 'kind', 'layers', 'experts', 'expertsUsed', 'tokenWidth', 'hidden'] as const) {
      if (description[name] === undefined) throw new Error(`${name} is missing`);
    }
    if (description.version > formatVersion) {
      throw new Error(`version ${description.version} is newer than this moeflow reads (${formatVersion})`);
    }
    return description;
  } catch (cause) {
    throw new InvalidFileError(`${path}: the predictor's description is not valid: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function arraysOf(weights: RouteWeights): SafeTensors['arrays'] {
  const shapes = weightShapes(sizesOf(weights));
  const arrays: SafeTensors['arrays'] = {
    tokens: { type: 'I32', shape: [weights.tokens.length], data: weights.tokens },
  };
  for (const name of Object.keys(shapes) as WeightName[]) {
    arrays[name] = { type: 'F16', shape: shapes[name], data: weights[name] };
  }
  return arrays;
}

function weightsOf({ arrays }: SafeTensors, sizes: ReturnType<typeof sizesOf>, path = 'weights'): RouteWeights {
  const shapes = weightShapes(sizes);
  const array = (name: string, shape: readonly number[], type: NamedArray['type']) => {
    const found = arrays[name];
    if (!found || found.type !== type || found.data.length !== sizeOf(shape)) {
      throw new InvalidFileError(
        `${path}: the array ${name} is not [${shape.join(', ')}] of ${type}; train the predictor again`,
      );
    }
    return found.data;
  };
  const floats = Object.fromEntries(
    (Object.keys(shapes) as WeightName[]).map((name) => [name, array(name, shapes[name], 'F16')]),
  );
  const tokens = array('tokens', [sizes.tokens], 'I32');
  return { ...sizes, ...floats, tokens } as RouteWeights;
}

/** SHA-256 over names and values. */
function digest(arrays: SafeTensors['arrays']): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(arrays).sort()) {
    const { data } = arrays[name] as NamedArray;
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
