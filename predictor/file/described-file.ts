/** Arrays in a safetensors file with a description in its metadata, and a checksum over them. */

import { createHash } from 'node:crypto';
import { InvalidFileError } from '../../lib/errors.js';
import { check, checkOptions } from '../../lib/options.js';
import { version } from '../../lib/version.js';
import { sizeOf } from '../weights.js';
import { asRead, decodeSafeTensors, encodeSafeTensors, type NamedArray, type SafeTensors } from './safetensors.js';
import { readWhole, writeWhole } from './whole-file.js';

const formatVersion = 2;

/** What a predictor was trained on and how good it was on tokens that it had not seen. */
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

/** Whatever else stands in an object that has them is left out. */
export function factsOf(known: PredictorFacts): PredictorFacts {
  const { model, modelHash, architecture, trainedTokens, heldOutTokens, recall, recallOfTwice } = known;
  return { model, modelHash, architecture, trainedTokens, heldOutTokens, recall, recallOfTwice };
}

const factChecks = {
  version: check.integer(1, 2 ** 31),
  writer: check.string,
  model: check.string,
  modelHash: check.string,
  architecture: check.string,
  trainedTokens: check.integer(0),
  heldOutTokens: check.integer(0),
  recall: check.number(0, 1),
  recallOfTwice: check.number(0, 1),
};

export type SizeChecks = Readonly<Record<string, (value: unknown, name: string) => void>>;

/** @throws MoeflowError `IO` */
export async function writeDescribed(
  path: string,
  kind: string,
  known: PredictorFacts & Record<string, unknown>,
  arrays: SafeTensors['arrays'],
): Promise<void> {
  const description = { version: formatVersion, kind, writer: `moeflow ${version()}`, ...known };
  const metadata = { 'moeflow.predictor': JSON.stringify(description), sha256: digest(asRead(arrays)) };
  await writeWhole(path, encodeSafeTensors({ metadata, arrays }));
}

/**
 * @param sizes checks of what the description must have besides the facts
 * @throws InvalidFileError for what is damaged or no predictor of the kind; MoeflowError `IO`
 */
export async function readDescribed<Sizes>(
  path: string,
  kind: string,
  sizes: SizeChecks,
): Promise<{ description: PredictorFacts & Sizes; arrays: SafeTensors['arrays'] }> {
  const { metadata, arrays } = decodeSafeTensors(await readWhole(path), path);
  const text = metadata['moeflow.predictor'];
  if (text === undefined)
    throw new InvalidFileError(`${path}: it is no predictor of moeflow; train one with: moeflow predictor train`);
  const description = descriptionOf<Sizes>(text, path, kind, sizes);
  if (metadata.sha256 !== digest(arrays)) {
    throw new InvalidFileError(`${path}: its contents are damaged (the checksum differs); copy or train it again`);
  }
  return { description, arrays };
}

function descriptionOf<Sizes>(text: string, path: string, kind: string, sizes: SizeChecks): PredictorFacts & Sizes {
  try {
    const description = JSON.parse(text);
    checkOptions(description, { ...factChecks, kind: check.oneOf(kind), ...sizes }, 'description');
    for (const name of ['version', 'kind', ...Object.keys(sizes)]) {
      if (description[name] === undefined) throw new Error(`${name} is missing`);
    }
    const { version: written, kind: _kind, writer: _writer, ...known } = description;
    if (written > formatVersion) {
      throw new Error(`version ${written} is newer than this moeflow reads (${formatVersion})`);
    }
    if (written < formatVersion) {
      throw new Error(
        `version ${written} is older than this moeflow reads (${formatVersion}); train it again with: moeflow predictor train`,
      );
    }
    return known;
  } catch (cause) {
    throw new InvalidFileError(`${path}: the predictor's description is not valid: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The values of an array that must be there. @throws InvalidFileError beginning with `where` */
export function valuesOf(
  arrays: SafeTensors['arrays'],
  name: string,
  shape: readonly number[],
  type: NamedArray['type'],
  where: string,
): NamedArray['data'] {
  const found = arrays[name];
  if (!found || found.type !== type || found.data.length !== sizeOf(shape)) {
    throw new InvalidFileError(
      `${where}: the array ${name} is not [${shape.join(', ')}] of ${type}; train the predictor again`,
    );
  }
  return found.data;
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
