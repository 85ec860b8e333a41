/**
 * A group of rows' bytes, checked before they are decoded: the decoder believes the numbers of values that pages name, and a
 * damaged number can be so large that it ends the process.
 */

import type { AsyncBuffer, ColumnMetaData, FileMetaData, RowGroup } from 'hyparquet';
import { snappyUncompress } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getSchemaPath } from 'hyparquet/src/schema.js';
import { problemOfRuns } from './runs.js';

/** More than any writer puts in a page, and few enough for an array. */
const mostPageBytes = 2 ** 28;

/**
 * The file with the columns of one group in memory.
 *
 * @param width elements of a list
 * @throws Error saying what is wrong
 */
export async function readRowGroup(
  file: AsyncBuffer,
  metadata: FileMetaData,
  group: RowGroup,
  width: number,
): Promise<AsyncBuffer> {
  const columns = group.columns.map(({ meta_data }) => {
    if (!meta_data) throw new Error('a column has no metadata');
    return { meta: meta_data, span: spanOf(meta_data, file.byteLength) };
  });
  const start = Math.min(...columns.map(({ span }) => span.start));
  const end = Math.max(...columns.map(({ span }) => span.end));
  const bytes = await file.slice(start, end);
  for (const { meta, span } of columns) {
    const levels = levelsOf(metadata, meta);
    const values = Number(group.num_rows) * (levels.repetition > 0 ? width : 1);
    const view = new DataView(bytes, span.start - start, span.end - span.start);
    const problem = problemOfPages(view, meta, levels, values);
    if (problem) throw new Error(`column ${meta.path_in_schema[0]}: ${problem}`);
  }
  return {
    byteLength: file.byteLength,
    slice: (from, to = file.byteLength) =>
      from >= start && to <= end ? bytes.slice(from - start, to - start) : file.slice(from, to),
  };
}

function spanOf(meta: ColumnMetaData, fileBytes: number): { start: number; end: number } {
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
  const end = start + Number(meta.total_compressed_size);
  if (!(start >= 4 && end > start && end <= fileBytes)) {
    throw new Error(`column ${meta.path_in_schema[0]} goes from byte ${start} to ${end} of ${fileBytes}`);
  }
  return { start, end };
}

/** The highest of a column's repetition and definition levels. */
interface Levels {
  repetition: number;
  definition: number;
}

function levelsOf({ schema }: FileMetaData, { path_in_schema }: ColumnMetaData): Levels {
  const path = getSchemaPath(schema, path_in_schema);
  return { repetition: getMaxRepetitionLevel(path), definition: getMaxDefinitionLevel(path) };
}

type PageHeader = ReturnType<typeof parquetHeader>;

/** @param expected values of all pages together */
function problemOfPages(view: DataView, meta: ColumnMetaData, levels: Levels, expected: number): string | undefined {
  const reader = { view, offset: 0 };
  let values = 0;
  while (reader.offset < view.byteLength) {
    const header = parquetHeader(reader);
    const { compressed_page_size: size, uncompressed_page_size: bytes, dictionary_page_header: dictionary } = header;
    const data = header.data_page_header ?? header.data_page_header_v2;
    const count = (data ?? dictionary)?.num_values;
    if (!(size >= 0 && reader.offset + size <= view.byteLength)) return 'a page ends after its column';
    if (!(bytes >= 0 && bytes <= mostPageBytes)) return `a page has ${bytes} bytes`;
    // A dictionary's values take at least a byte each; those of other pages may take less than a bit.
    if (count === undefined || !(count >= 0 && count <= (data ? expected - values : bytes))) {
      return `a page has ${count} values`;
    }
    if (data) {
      const page = new Uint8Array(view.buffer, view.byteOffset + reader.offset, size);
      const problem = header.data_page_header_v2
        ? problemOfPageV2(page, header, meta, levels)
        : problemOfPageV1(page, header, meta, levels);
      if (problem) return problem;
      values += count;
    }
    reader.offset += size;
  }
  return values === expected ? undefined : `it has ${values} values; there should be ${expected}`;
}

function problemOfPageV1(
  page: Uint8Array,
  header: PageHeader,
  meta: ColumnMetaData,
  levels: Levels,
): string | undefined {
  const { num_values: count = 0, encoding } = header.data_page_header ?? {};
  const view = viewOf(decompress(page, header.uncompressed_page_size, meta));
  let at = 0;
  for (const highest of [levels.repetition, levels.definition]) {
    if (highest === 0) continue;
    const problem = problemOfRuns(view, at + 4, bitWidth(highest), count);
    if (problem) return problem;
    at += 4 + view.getUint32(at, true);
  }
  return problemOfValues(view, at, encoding, count);
}

function problemOfPageV2(
  page: Uint8Array,
  header: PageHeader,
  meta: ColumnMetaData,
  levels: Levels,
): string | undefined {
  const v2 = header.data_page_header_v2;
  if (!v2) return undefined;
  const { num_values: count, repetition_levels_byte_length: first, definition_levels_byte_length: second } = v2;
  if (!(first >= 0 && second >= 0 && first + second <= page.length)) return 'its levels end after their page';
  if (levels.repetition > 0) {
    const problem = problemOfRuns(viewOf(page), 0, bitWidth(levels.repetition), count);
    if (problem) return problem;
  }
  if (levels.definition > 0) {
    const problem = problemOfRuns(viewOf(page), first, bitWidth(levels.definition), count);
    if (problem) return problem;
  }
  const bytes = header.uncompressed_page_size - first - second;
  const rest = page.subarray(first + second);
  const values = v2.is_compressed === false ? rest : decompress(rest, bytes, meta);
  return problemOfValues(viewOf(values), 0, v2.encoding, count - (v2.num_nulls ?? 0));
}

function problemOfValues(view: DataView, at: number, encoding: string | undefined, count: number): string | undefined {
  const runs = ['PLAIN_DICTIONARY', 'RLE_DICTIONARY', 'RLE'].includes(encoding ?? '');
  if (!runs || count <= 0 || at >= view.byteLength) return undefined;
  const width = view.getUint8(at);
  if (width > 32) return `indices of ${width} bits`;
  // With nulls among them there are fewer; how many, the levels say.
  return width === 0 ? undefined : problemOfRuns(view, at + 1, width, count);
}

function decompress(page: Uint8Array, bytes: number, { codec }: ColumnMetaData): Uint8Array {
  if (codec === 'UNCOMPRESSED') return page;
  if (codec !== 'SNAPPY') throw new Error(`it is compressed by ${codec}; write it with SNAPPY`);
  if (!(bytes >= 0)) throw new Error(`a page has ${bytes} bytes`);
  const output = new Uint8Array(bytes);
  snappyUncompress(page, output);
  return output;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bitWidth(highest: number): number {
  return 32 - Math.clz32(highest);
}
