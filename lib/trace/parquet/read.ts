/** Reading the Parquet files of a trace, a group of rows at a time. */

import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet';

import { InvalidFileError } from '../../errors.js';
import { checkTokens } from '../check-tokens.js';
import { headerFromJson, headerKey, headerToJson } from '../header.js';
import { phases, type Trace, type TraceHeader, type TraceTokens } from '../trace.js';

interface Part {
  path: string;
  file: AsyncBuffer;
  metadata: FileMetaData;
  header: TraceHeader;
}

/** @throws InvalidFileError for a file that is no part of a trace, or of another one than the first file is */
export async function openParquet(paths: string[]): Promise<Trace> {
  const parts = await Promise.all(paths.map(openPart));
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
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch((cause: Error) => {
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
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd }).catch((cause: Error) => {
      throw new InvalidFileError(`${path} is damaged between rows ${rowStart} and ${rowEnd}: ${cause.message}`, {
        cause,
      });
    });
    const start = rowStart;
    const where = (row: number) => `${path}: row ${start + row}`;
    const tokens = tokensOfRows(header, rows as Row[], where);
    checkTokens(header, tokens, where);
    if (tokens.count > 0) yield tokens;
    rowStart = rowEnd;
  }
}

interface Row {
  sequence: number;
  position: number;
  token: number | null;
  phase: (typeof phases)[number];
  experts: number[];
  weights?: number[];
}

function tokensOfRows({ layers, k }: TraceHeader, rows: Row[], where: (row: number) => string): TraceTokens {
  const width = layers * k;
  const flat = <T extends Int32Array | Float32Array>(all: T, name: 'experts' | 'weights'): T => {
    rows.forEach((row, i) => {
      const values = row[name];
      if (values?.length !== width) {
        throw new InvalidFileError(
          `${where(i)}: ${values?.length ?? 'no'} ${name}; ${layers} layers x ${k} are ${width}`,
        );
      }
      all.set(values, i * width);
    });
    return all;
  };
  return {
    count: rows.length,
    sequence: Int32Array.from(rows, (row) => row.sequence),
    position: Int32Array.from(rows, (row) => row.position),
    token: Int32Array.from(rows, (row) => row.token ?? -1),
    phase: Uint8Array.from(rows, (row) => (phases.includes(row.phase) ? phases.indexOf(row.phase) : 255)),
    experts: flat(new Int32Array(rows.length * width), 'experts'),
    weights: rows[0]?.weights ? flat(new Float32Array(rows.length * width), 'weights') : undefined,
  };
}
