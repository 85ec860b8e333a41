import { copyFileSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { InvalidFileError, openTrace, TraceWriter } from '../../lib/index.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { contentOf, header, small, tokens } from './tokens.js';

async function written(path: string, parts = [tokens], partTokens = 1000): Promise<string> {
  const writer = await TraceWriter.create(path, header, { partTokens });
  for (const part of parts) await writer.write(part);
  await writer.close();
  return path;
}

describe('a trace in Parquet', () => {
  it('holds what was written, in one file or in a folder of parts', async () => {
    const folder = temporaryDirectory();
    const expected = await contentOf(small);
    expect(await contentOf(await openTrace(await written(join(folder, 'one.parquet'))))).toEqual(expected);
    expect(await contentOf(await openTrace(await written(join(folder, 'parts'))))).toEqual(expected);
    expect(await contentOf(await openTrace(join(folder, 'parts', 'part-*.parquet')))).toEqual(expected);
  });

  it('is read a group of rows at a time, however many parts there are, and again from the beginning', async () => {
    const folder = await written(join(temporaryDirectory(), 'parts'), [tokens, tokens, tokens], 8);
    expect(readdirSync(folder).sort()).toEqual(['part-00000.parquet', 'part-00001.parquet']);
    const trace = await openTrace(folder);
    for (let time = 0; time < 2; time++) {
      const counts: number[] = [];
      for await (const chunk of trace.chunks()) counts.push(chunk.count);
      expect(counts).toEqual([4, 4, 4]);
    }
  });

  it('is read after others as their sequences numbered on, unless it is a part of the same folder', async () => {
    const folder = temporaryDirectory();
    const one = await written(join(folder, 'one.parquet'));
    const two = await written(join(folder, 'two.parquet'));
    const parts = await written(join(folder, 'parts'), [tokens, tokens], 4);
    const each = ['part-00000.parquet', 'part-00001.parquet'].map((name) => join(parts, name));
    const sequences = async (...paths: string[]) => (await contentOf(await openTrace(paths))).sequence;
    expect(await sequences(one, two)).toEqual([0, 1, 0, 1, 2, 3, 2, 3]);
    expect(await sequences(join(folder, '*.parquet'))).toEqual([0, 1, 0, 1, 2, 3, 2, 3]);
    expect(await sequences(...each)).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
    expect(await sequences(parts, one)).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3]);
  });

  it('may have no tokens, and none with weights', async () => {
    const folder = temporaryDirectory();
    expect((await contentOf(await openTrace(await written(join(folder, 'empty.parquet'), [])))).experts).toEqual([]);
    const { weights: _, ...plain } = tokens;
    const trace = await contentOf(await openTrace(await written(join(folder, 'plain.parquet'), [plain])));
    expect(trace.experts).toEqual([...tokens.experts]);
    expect(trace.weights).toEqual([]);
  });

  it('can be asked in SQL by DuckDB, its parts together', async () => {
    const folder = await written(join(temporaryDirectory(), 'parts'), [tokens, tokens], 4);
    const database = await (await DuckDBInstance.create()).connect();
    const ask = async (sql: string) => (await database.runAndReadAll(sql)).getRowObjectsJson();
    const file = `'${folder}/*.parquet'`;
    expect(await ask(`select sequence, position, token, phase, experts from ${file} limit 2`)).toEqual([
      { sequence: 0, position: 0, token: 11, phase: 'prefill', experts: [0, 1, 2, 3] },
      { sequence: 1, position: 7, token: null, phase: 'prefill', experts: [4, 0, -1, -1] },
    ]);
    // Uses of the experts of layer 1 (elements 3 and 4, as SQL counts from 1), recounted from the arrays above: 2 3, 3 4, 0 3.
    const uses = `select unnest(experts[3:4]) as expert from ${file}`;
    expect(
      await ask(
        `select expert, count(*)::int as uses from (${uses}) where expert >= 0 group by expert order by expert`,
      ),
    ).toEqual([
      { expert: 0, uses: 2 },
      { expert: 2, uses: 2 },
      { expert: 3, uses: 6 },
      { expert: 4, uses: 2 },
    ]);
    const [metadata] = await ask(
      `select decode(value) as json from parquet_kv_metadata(${file}) where decode(key) = 'moeflow.trace'`,
    );
    expect(JSON.parse(metadata?.json as string)).toMatchObject(header);
    // And written again by it.
    const again = join(folder, '../again.parquet');
    const key = `KV_METADATA {"moeflow.trace": '${String(metadata?.json).replaceAll("'", "''")}'}`;
    await database.run(`copy (select * from ${file}) to '${again}' (format parquet, ${key})`);
    expect(await contentOf(await openTrace(again))).toEqual(await contentOf(await openTrace(folder)));
  });
});

describe('writing a trace', () => {
  it('shows no file before it is whole', async () => {
    const folder = temporaryDirectory();
    const writer = await TraceWriter.create(join(folder, 'one.parquet'), header);
    await writer.write(tokens);
    expect(readdirSync(folder).filter((name) => !name.startsWith('.'))).toEqual([]);
    await writer.close();
    expect(readdirSync(folder)).toEqual(['one.parquet']);
  });

  it('refuses tokens that are not what the header says', async () => {
    const writer = await TraceWriter.create(join(temporaryDirectory(), 'parts'), header);
    const experts = tokens.experts.with(5, 5);
    await expect(writer.write({ ...tokens, experts })).rejects.toThrow(
      /token 1 .*layer 0: expert 5; ids go from 0 to 4/,
    );
    await expect(writer.write({ ...tokens, experts: experts.subarray(1) })).rejects.toThrow('15 experts; 4 tokens x 2');
    await expect(writer.write({ ...tokens, weights: tokens.weights?.with(9, Number.NaN) })).rejects.toThrow(
      /token 2 .*the weight of expert 0 is NaN/,
    );
    await writer.write(tokens);
    await expect(writer.write({ ...tokens, weights: undefined })).rejects.toThrow('some tokens have weights');
    await writer.close();
  });

  it('ends when it is closed', async () => {
    const writer = await TraceWriter.create(join(temporaryDirectory(), 'parts'), header);
    await writer.close();
    await expect(writer.write(tokens)).rejects.toThrow('the trace was closed');
  });

  it('does not mix with a trace that is there, and takes no header that contradicts itself', async () => {
    const folder = await written(join(temporaryDirectory(), 'parts'));
    await expect(TraceWriter.create(folder, header)).rejects.toThrow('holds a trace already');
    await expect(TraceWriter.create(`${folder}2`, { ...header, k: 6 })).rejects.toThrow('cannot use 6 of 5 experts');
    await expect(TraceWriter.create(`${folder}2`, { ...header, experts: 2 ** 15 + 1 })).rejects.toThrow(
      '32769 experts',
    );
    await expect(TraceWriter.create(`${folder}2`, { ...header, expertBytes: [1] })).rejects.toThrow(
      'expertBytes for 1',
    );
  });
});

describe('a Parquet file that is damaged', () => {
  it('and cut off is an error with its name; the other parts are read without it', async () => {
    const folder = await written(join(temporaryDirectory(), 'parts'), [tokens, tokens], 4);
    const second = join(folder, 'part-00001.parquet');
    truncateSync(second, readFileSync(second).length - 10);
    await expect(openTrace(folder)).rejects.toThrow(`${second} is not a whole Parquet file`);
    expect((await contentOf(await openTrace(join(folder, 'part-00000.parquet')))).position).toEqual([0, 7, 1, 8]);
  });

  it('inside is an error with the rows', async () => {
    const file = await written(join(temporaryDirectory(), 'one.parquet'));
    const bytes = readFileSync(file);
    bytes.fill(0xff, 4, 200);
    writeFileSync(file, bytes);
    await expect(contentOf(await openTrace(file))).rejects.toThrow(
      /one\.parquet(: row | cannot be read from row 0 on)/,
    );
  });

  it('anywhere is an error that says so, or another trace; never the end of the process', async () => {
    const file = await written(join(temporaryDirectory(), 'one.parquet'));
    const sound = readFileSync(file);
    let state = 7; // xorshift
    const random = (below: number) => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % below;
    };
    for (let i = 0; i < 500; i++) {
      const bytes = Buffer.from(sound);
      for (let change = 0; change <= i % 3; change++) bytes[random(bytes.length)] = random(256);
      writeFileSync(file, bytes);
      await openTrace(file)
        .then(contentOf)
        .catch((error) => expect(error).toBeInstanceOf(InvalidFileError));
    }
  });

  it('or is no trace, or of another trace, is an error', async () => {
    const folder = temporaryDirectory();
    const other = join(folder, 'other.parquet');
    parquetWriteFile({ filename: other, columnData: [{ name: 'a', data: Int32Array.of(1), type: 'INT32' }] });
    await expect(openTrace(other)).rejects.toThrow('but not of a trace: its metadata have no moeflow.trace');
    const one = await written(join(folder, 'one.parquet'));
    const writer = await TraceWriter.create(join(folder, 'two.parquet'), { ...header, experts: 6 });
    await writer.close();
    const mixed = join(folder, 'mixed');
    mkdirSync(mixed);
    copyFileSync(one, join(mixed, 'part-00000.parquet'));
    copyFileSync(writer.path, join(mixed, 'part-00001.parquet'));
    await expect(openTrace(mixed)).rejects.toThrow('is not of the same trace');
  });

  it('with rows that are wrong is an error with the row', async () => {
    const file = join(temporaryDirectory(), 'ragged.parquet');
    const kvMetadata = [{ key: 'moeflow.trace', value: JSON.stringify({ version: 1, writer: 'x', ...header }) }];
    const write = (experts: number[][], phase = ['decode', 'decode']) =>
      parquetWriteFile({
        filename: file,
        kvMetadata,
        columnData: [
          { name: 'sequence', data: [0, 0], type: 'INT32' },
          { name: 'position', data: [0, 1], type: 'INT32' },
          { name: 'token', data: [0, 1], type: 'INT32' },
          { name: 'phase', data: phase, type: 'STRING' },
          { name: 'experts', data: experts },
        ],
      });
    const problem = async () =>
      contentOf(await openTrace(file)).then(
        () => '',
        ({ message }: Error) => message,
      );
    write([
      [0, 1, 2, 3],
      [0, 1, 2],
    ]);
    expect(await problem()).toBe(`${file}: row 1: 3 experts; 2 layers x 2 are 4`);
    write([
      [0, 1, 2, 3],
      [0, 1, 2, 9],
    ]);
    expect(await problem()).toBe(`${file}: row 1: layer 1: expert 9; ids go from 0 to 4`);
    write([
      [0, 1, 2, 2],
      [0, 1, 2, 3],
    ]);
    expect(await problem()).toBe(`${file}: row 0: layer 1: expert 2 is there twice`);
    write([
      [0, 1, 2, -1],
      [0, 1, 2, 3],
    ]);
    expect(await problem()).toContain('row 0: layer 1: expert -1');
    write(
      [
        [0, 1, 2, 3],
        [0, 1, 2, 3],
      ],
      ['decode', 'dekode'],
    );
    expect(await problem()).toContain('row 1: phase is dekode, not prefill or decode');
  });
});
