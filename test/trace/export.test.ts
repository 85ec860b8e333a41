import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTrace, traceInMemory } from '../../lib/index.js';
import { exportFormats } from '../../lib/trace/export/formats.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { contentOf, header, small, tokens } from './tokens.js';

async function exported(format: string, trace = small): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await exportFormats[format]?.(trace, async (piece) => void pieces.push(Buffer.from(piece)));
  return Buffer.concat(pieces);
}

function readBack(name: string, bytes: Buffer) {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, bytes);
  return openTrace(path).then(contentOf);
}

describe('an exported trace', () => {
  it('as JSON lines is a header and a line per token', async () => {
    const lines = (await exported('jsonl')).toString().trimEnd().split('\n');
    expect(JSON.parse(lines[0] as string)['moeflow.trace']).toMatchObject({ ...header, version: 1 });
    expect(lines[1]).toBe(
      '{"sequence":0,"position":0,"token":11,"phase":"prefill","experts":[[0,1],[2,3]],"weights":[[0.75,0.25],[0.100000001,0.899999976]]}',
    );
    expect(lines[2]).toBe(
      '{"sequence":1,"position":7,"token":null,"phase":"prefill","experts":[[4,0],null],"weights":[[1,0],null]}',
    );
    expect(lines).toHaveLength(5);
  });

  it('as CSV is a line per token, layer and expert', async () => {
    const lines = (await exported('csv')).toString().trimEnd().split('\n');
    expect(lines[0]).toMatch(/^# moeflow\.trace \{"version":1,/);
    expect(lines.slice(1, 4)).toEqual([
      'sequence,position,token,phase,layer,rank,expert,weight',
      '0,0,11,prefill,0,0,0,0.75',
      '0,0,11,prefill,0,1,1,0.25',
    ]);
    expect(lines).toHaveLength(2 + 14); // one layer of one token was not recorded
  });

  it('as NumPy array is int16 [tokens, layers, k], its elements at a multiple of 64 bytes', async () => {
    const bytes = await exported('npy');
    expect(bytes.toString('latin1', 0, 8)).toBe('\x93NUMPY\x01\x00');
    const begin = 10 + bytes.readUInt16LE(8);
    expect(begin % 64).toBe(0);
    expect(bytes.toString('latin1', 10, begin).trimEnd()).toBe(
      "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 2, 2), }",
    );
    expect(bytes[begin - 1]).toBe(10);
    const ids = Array.from({ length: 16 }, (_, i) => bytes.readInt16LE(begin + 2 * i));
    expect(ids).toEqual([...tokens.experts]);
    expect(bytes).toHaveLength(begin + 32);
  });

  it('comes back as it was: CSV and JSON lines whole, a NumPy array by its ids', async () => {
    const expected = await contentOf(small);
    expect(await readBack('t.jsonl', await exported('jsonl'))).toEqual(expected);
    expect(await readBack('t.csv', await exported('csv'))).toEqual(expected);
    expect((await readBack('t.npy', await exported('npy'))).experts).toEqual(expected.experts);
    const { weights: _, ...plain } = tokens;
    const unweighted = traceInMemory(header, plain);
    for (const format of ['jsonl', 'csv']) {
      expect(await readBack(`t.${format}`, await exported(format, unweighted))).toEqual(await contentOf(unweighted));
    }
  });

  it.each([
    ['csv', /^1,7,,prefill,0,1,0,.*\n/m, '', /:\d+: layer 0: 1 experts; the trace has 2/],
    ['csv', /decode/, 'dekode', /phase 255; it must be prefill or decode/],
    ['csv', /,0\.75$/m, ',nan', /:3: layer 0: the weight of expert 0 is NaN/],
    ['jsonl', /\[\[0,1\],\[2,3\]\]/, '[[0,1]]', /:2: routes of 1 layers; the trace has 2/],
    ['jsonl', /"layers":2/, '"layers":0', /:1: the trace's header is not valid: layers must be an integer/],
    ['jsonl', /"position":0/, '"position":-1', /:2: position -1; 0 is the least/],
  ])('in %s that was changed at %s is an error with the line', async (format, at, to, problem) => {
    const text = (await exported(format)).toString();
    expect(text).toMatch(at);
    await expect(readBack(`t.${format}`, Buffer.from(text.replace(at, to)))).rejects.toThrow(problem);
  });
});
