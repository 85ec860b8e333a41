import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { knownReads, rememberReads } from '../../lib/experts/known-reads.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const reads = { readBytes: 2 ** 20, readDepth: 8, bytesPerSecond: 1e9 };

describe('what was measured before', () => {
  it('is found again by its device, in a directory that is made for it', async () => {
    const file = join(temporaryDirectory(), 'a/b/reads.json');
    expect(await knownReads(file, 'disk')).toBeUndefined();
    await rememberReads(file, 'disk', reads);
    await rememberReads(file, 'other', { ...reads, readDepth: 2 });
    expect(await knownReads(file, 'disk')).toEqual(reads);
    expect(await knownReads(file, 'other')).toMatchObject({ readDepth: 2 });
    expect(await knownReads(file, 'third')).toBeUndefined();
    expect(readdirSync(join(file, '..'))).toEqual(['reads.json']);
  });

  it('is kept for the latest 32 devices', async () => {
    const file = join(temporaryDirectory(), 'reads.json');
    for (let i = 0; i < 33; ++i) await rememberReads(file, `disk ${i}`, reads);
    await rememberReads(file, 'disk 1', reads);
    expect(await knownReads(file, 'disk 0')).toBeUndefined();
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')).devices).at(-1)).toBe('disk 1');
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{"version": 1, "dev'],
    ['no object', 'null'],
    ['another version', JSON.stringify({ version: 2, devices: { disk: reads } })],
    ['no devices', JSON.stringify({ version: 1 })],
    ['no settings', JSON.stringify({ version: 1, devices: { disk: null } })],
    ['a text', JSON.stringify({ version: 1, devices: { disk: { ...reads, readDepth: '8' } } })],
    ['a depth of 0', JSON.stringify({ version: 1, devices: { disk: { ...reads, readDepth: 0 } } })],
    ['an odd size', JSON.stringify({ version: 1, devices: { disk: { ...reads, readBytes: 5000 } } })],
    ['a huge size', JSON.stringify({ version: 1, devices: { disk: { ...reads, readBytes: 2 ** 40 } } })],
  ])('counts as unknown if the file holds %s, and is replaced', async (_, content) => {
    const file = join(temporaryDirectory(), 'reads.json');
    writeFileSync(file, content);
    expect(await knownReads(file, 'disk')).toBeUndefined();
    await rememberReads(file, 'disk', reads);
    expect(await knownReads(file, 'disk')).toEqual(reads);
  });

  it('is not an error where nothing can be written or read', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'file'), '');
    await rememberReads(join(directory, 'file/reads.json'), 'disk', reads);
    expect(await knownReads(join(directory, 'file/reads.json'), 'disk')).toBeUndefined();
    mkdirSync(join(directory, 'reads.json'));
    await rememberReads(join(directory, 'reads.json'), 'disk', reads);
    expect(readdirSync(directory).sort()).toEqual(['file', 'reads.json']);
    chmodSync(directory, 0o500);
    await rememberReads(join(directory, 'new.json'), 'disk', reads);
    chmodSync(directory, 0o700);
  });
});
