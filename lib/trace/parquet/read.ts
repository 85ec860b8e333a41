/** Reading the Parquet files of a trace, a group of rows at a time. */

import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetScan,
  type RowGroup,
} from 'hyparquet';

import { InvalidFileError } from '../../errors.js';
import { checkTokens } from '../check-tokens.js';
import { headerFromJson, headerKey, headerToJson } from '../header.js';
import { cannotRead } from '../import/lines.js';
import { phases, type Trace, type TraceHeader, type TraceTokens } from '../trace.js';
import { readRowGroup } from './row-group.js';

interface Part {
  path: string;
  file: AsyncBuffer;
  metadata: FileMetaData;
  header: TraceHeader;
}

/** @throws InvalidFileError for a file that is no part of a trace, or of another one than the first file is */
export async function openParquet(paths: string[]): Promise<Trace> {
  const parts: Part[] = [];
  // Some at a time: a long recording has more parts than a process may have files open.
  for (let at = 0; at < paths.length; at += 32) {
    parts.push(...(await Promise.all(paths.slice(at, at + 32).map(openPart))));
  }
  const first = parts[0];
  if (!first) throw new InvalidFileError('there is no Parquet file to read');
  for (const { path, header } of parts) {
    if (headerToJson(header) === headerToJson(first.header)) continue;
    throw new InvalidFileError(`${path} is not of the same trace as ${first.path}: their headers differ`);
  }
  return {
    ...first.header,
    async *chunks() {
      for (const part of parts) yield* chunksOf(part);
    },
  };
}

async function openPart(path: string): Promise<Part> {
  const file = await asyncBufferFromFile(path).catch((error) => {
    throw cannotRead(path, error);
  });
  const metadata = await parquetMetadataAsync(file).catch((cause: Error) => {
    if ('errno' in cause) throw cannotRead(path, cause);
    throw new InvalidFileError(`${path} is not a whole Parquet file: ${cause.message}`, { cause });
  });
  const json = metadata.key_value_metadata?.find(({ key }) => key === headerKey)?.value;
  if (json === undefined) {
    throw new InvalidFileError(
      `${path} is a Parquet file, but not of a trace: its metadata have no ${headerKey} (whoever rewrites a trace must keep it)`,
    );
  }
  const names = metadata.schema.map(({ name }) => name);
  for (const column of ['sequence', 'position', 'token', 'phase', 'experts']) {
    if (!names.includes(column)) throw new InvalidFileError(`${path} has no column ${column}`);
  }
  return { path, file, metadata, header: headerFromJson(json, path) };
}

async function* chunksOf({ path, file, metadata, header }: Part): AsyncGenerator<TraceTokens> {
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const start = rowStart;
    const where = (row: number) => `${path}: row ${start + row}`;
    const columns = await columnsOf(file, metadata, group, rowStart, header).catch((cause: Error) => {
      throw new InvalidFileError(`${path} cannot be read from row ${start} on: ${cause.message}`, { cause });
    });
    const tokens = tokensOfColumns(header, columns, where);
    checkTokens(header, tokens, where);
    if (tokens.count > 0) yield tokens;
    rowStart += tokens.count;
  }
}

/** By column, a value or a list per row. */
type Columns = Record<string, ArrayLike<unknown>>;

async function columnsOf(
  file: AsyncBuffer,
  metadata: FileMetaData,
  group: RowGroup,
  rowStart: number,
  { layers, k }: TraceHeader,
): Promise<Columns> {
  const columns: Columns = {};
  const names = metadata.schema.map(({ name }) => name);
  const rows = Number(group.num_rows);
  const inMemory = rows > 0 ? await readRowGroup(file, metadata, group, layers * k) : file;
  const scan = await parquetScan({
    file: inMemory,
    metadata,
    rowStart,
    rowEnd: rowStart + rows,
    useOffsetIndex: false,
  });
  // One after the other: of several that fail, only one would be waited for.
  for (const column of ['sequence', 'position', 'token', 'phase', 'experts', 'weights']) {
    if (!names.includes(column)) continue;
    const values = await scan.readColumn({ column, rowStart, rowEnd: rowStart + rows });
    if (values.length !== rows) throw new Error(`column ${column} has ${values.length} rows of ${rows}`);
    columns[column] = values;
  }
  return columns;
}

function tokensOfColumns({ layers, k }: TraceHeader, columns: Columns, where: (row: number) => string): TraceTokens {
  const width = layers * k;
  const count = columns.sequence?.length ?? 0;
  const flat = <T extends Int32Array | Float32Array>(all: T, name: string): T => {
    const lists = columns[name] as ArrayLike<ArrayLike<number> | undefined>;
    for (let row = 0; row < count; row++) {
      const list = lists[row];
      if (list?.length !== width) {
        throw new InvalidFileError(
          `${where(row)}: ${list?.length ?? 'no'} ${name}; ${layers} layers x ${k} are ${width}`,
        );
      }
      all.set(list, row * width);
    }
    return all;
  };
  const integers = (name: string, none?: number) =>
    Int32Array.from({ length: count }, (_, row) => {
      const value = columns[name]?.[row] ?? none;
      if (!Number.isInteger(value)) throw new InvalidFileError(`${where(row)}: ${name} is ${value}`);
      return value as number;
    });
  return {
    count,
    sequence: integers('sequence'),
    position: integers('position'),
    token: integers('token', -1),
    phase: Uint8Array.from({ length: count }, (_, row) => {
      const phase = phases.indexOf(columns.phase?.[row] as (typeof phases)[number]);
      if (phase < 0)
        throw new InvalidFileError(`${where(row)}: phase is ${columns.phase?.[row]}, not prefill or decode`);
      return phase;
    }),
    experts: flat(new Int32Array(count * width), 'experts'),
    weights: columns.weights ? flat(new Float32Array(count * width), 'weights') : undefined,
  };
}
