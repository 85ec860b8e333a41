/** The header of a trace as text: what its Parquet files carry beside their columns, and text exports in their first line. */

import { InvalidFileError } from '../errors.js';
import { check, checkOptions } from '../options.js';
import { version } from '../version.js';
import type { TraceHeader } from './trace.js';

/** Key of the header in the key/value metadata of a Parquet file. */
export const headerKey = 'moeflow.trace';

const formatVersion = 1;
const mostExperts = 2 ** 24;
/** Ids are 16-bit integers in Parquet and in NumPy exports. */
const mostPerLayer = 2 ** 15;

const fields = {
  version: check.integer(1, 2 ** 31),
  writer: check.string,
  layers: check.integer(1, 2 ** 16),
  experts: check.integer(1, mostPerLayer),
  k: check.integer(1, mostPerLayer),
  ranked: check.boolean,
  model: check.string,
  modelHash: check.string,
  architecture: check.string,
  expertBytes: check.arrayOf(check.integer(1), 'bytes'),
};

export function headerToJson(header: TraceHeader): string {
  const { layers, experts, k, ranked, model, modelHash, architecture, expertBytes } = header;
  const plain = { layers, experts, k, ranked, model, modelHash, architecture, expertBytes };
  return JSON.stringify({ version: formatVersion, writer: `moeflow ${version()}`, ...plain });
}

/** @throws InvalidFileError beginning with `where` */
export function headerFromJson(json: string, where: string): TraceHeader {
  try {
    const { version, writer: _, ...header } = JSON.parse(json) as TraceHeader & { version: number; writer: string };
    checkOptions({ version, ...header }, fields, 'header');
    if (version > formatVersion)
      throw new Error(`version ${version} is newer than this moeflow reads (${formatVersion})`);
    checkShape(header);
    return header;
  } catch (cause) {
    throw new InvalidFileError(`${where}: the trace's header is not valid: ${(cause as Error).message}`, { cause });
  }
}

/** @throws Error saying which numbers do not go together */
export function checkShape({ layers, experts, k, expertBytes }: TraceHeader): void {
  for (const [name, value] of Object.entries({ layers, experts, k })) {
    if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be an integer of at least 1, is ${value}`);
  }
  if (experts > mostPerLayer) throw new Error(`${experts} experts per layer are more than ${mostPerLayer}`);
  // Who counts per layer and expert, or holds a few thousand tokens, must find the memory for it.
  if (layers * experts > mostExperts)
    throw new Error(`${layers} layers of ${experts} experts are more than ${mostExperts}`);
  if (k > experts) throw new Error(`a token cannot use ${k} of ${experts} experts`);
  if (expertBytes && expertBytes.length !== layers) {
    throw new Error(`there are ${layers} layers and expertBytes for ${expertBytes.length}`);
  }
}
