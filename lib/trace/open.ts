/** Opening a trace, whatever it is: a Parquet file, a folder of parts, files of other tools. */

import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InvalidArgumentError, InvalidFileError } from '../errors.js';
import { check, checkOptions } from '../options.js';
import { concatenate } from './concatenate.js';
import { checkShape } from './header.js';
import type { ImportOptions, Sample, TraceFormat } from './import/format.js';
import { importFormats } from './import/formats.js';
import { cannotRead, headOf } from './import/lines.js';
import { refuseFilesWithoutRoutes } from './import/without-routes.js';
import { openParquet } from './parquet/read.js';
import type { Trace } from './trace.js';

export interface OpenTraceOptions extends ImportOptions {
  /** Default: found out from the file. */
  format?: string;
}

/** See TraceWriter. */
const partName = /^part-\d{5,}\.parquet$/;

export const traceFormats: readonly string[] = ['parquet', ...importFormats.map(({ name }) => name)];

const checks = {
  format: check.oneOf(...traceFormats),
  experts: check.integer(1, 2 ** 15),
  k: check.integer(1, 2 ** 15),
};

/**
 * Reads a routing trace from a Parquet file, a folder of its parts, or a file of another tool's format. Several paths of one
 * shape are read one after the other, and their sequences numbered on; parts of one folder are one trace. `*` in the last name of a
 * path stands for any part of it.
 *
 * @throws InvalidFileError naming file and place, here or while chunks are read; UnsupportedError for files without routes;
 * MoeflowError `IO`; InvalidArgumentError for an option
 */
export async function openTrace(path: string | readonly string[], options: OpenTraceOptions = {}): Promise<Trace> {
  check.strings(path, 'path');
  checkOptions(options, checks, 'openTrace options');
  const paths = (await Promise.all((typeof path === 'string' ? [path] : path).map(expand))).flat();
  const samples = await Promise.all(paths.map(sampleOf));
  const traces: { path: string; trace: Trace }[] = [];
  const groups = parquetGroups(samples, options);
  if (groups) {
    for (const [path = '', ...more] of groups) traces.push({ path, trace: await openParquet([path, ...more]) });
    return concatenate(traces);
  }
  for (const sample of samples) {
    const trace = await formatOf(sample, options).open(sample.path, options);
    try {
      checkShape(trace);
    } catch (cause) {
      throw new InvalidFileError(`${sample.path}: ${(cause as Error).message}`, { cause });
    }
    traces.push({ path: sample.path, trace });
  }
  return concatenate(traces);
}

async function expand(path: string): Promise<string[]> {
  const name = basename(path);
  if (!name.includes('*')) return [path];
  const pattern = new RegExp(`^${name.split('*').map(escapeForRegExp).join('.*')}$`, 's');
  const names = await readdir(dirname(path)).catch((error) => {
    throw cannotRead(path, error);
  });
  // As shells do, `*` does not stand for a leading dot.
  const found = names.filter((one) => pattern.test(one) && !one.startsWith('.')).sort();
  if (found.length === 0) throw new InvalidArgumentError(`${path}: there is no such file`);
  return found.map((one) => join(dirname(path), one));
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}

async function sampleOf(path: string): Promise<Sample> {
  try {
    if ((await stat(path)).isDirectory()) {
      return { path, names: (await readdir(path)).sort(), head: Buffer.alloc(0), text: '' };
    }
  } catch (error) {
    throw cannotRead(path, error);
  }
  const head = await headOf(path);
  return { path, head, text: head.toString('utf8').replace(/^\uFEFF/, '') };
}

/** The files of each trace; undefined if the samples are something else. */
function parquetGroups(samples: Sample[], { format }: OpenTraceOptions): string[][] | undefined {
  const partsOf = ({ path, names, head }: Sample) => {
    if (names) return names.filter((name) => name.endsWith('.parquet')).map((name) => join(path, name));
    return path.endsWith('.parquet') || head.toString('latin1', 0, 4) === 'PAR1' ? [path] : [];
  };
  const found = samples.map(partsOf);
  if (format !== undefined && format !== 'parquet') return undefined;
  if (format === undefined && found.every((files) => files.length === 0)) return undefined;
  found.forEach((files, i) => {
    if (files.length === 0) throw new InvalidFileError(`${samples[i]?.path} is no Parquet file, nor a folder of such`);
  });
  // A shell may have named the parts of a folder one by one.
  const traces = new Map<string, string[]>();
  found.forEach((files, i) => {
    const isPart = !samples[i]?.names && partName.test(basename(files[0] as string));
    const trace = isPart ? dirname(files[0] as string) : (samples[i]?.path as string);
    traces.set(trace, [...(traces.get(trace) ?? []), ...files]);
  });
  return [...traces.values()];
}

function formatOf(sample: Sample, { format }: OpenTraceOptions): TraceFormat {
  if (format === undefined) refuseFilesWithoutRoutes(sample);
  const found = importFormats.find((one) => (format === undefined ? one.matches(sample) : one.name === format));
  if (found) return found;
  throw new InvalidFileError(
    `${sample.path} is in no format that is known (${traceFormats.join(', ')}); name one by --format, or format in code`,
  );
}
