import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { availableKernels } from '../../lib/index.js';
import { packageRoot } from '../support/fixtures.js';
import { moeflow } from './command.js';

describe('help', () => {
  it.each([
    [['--help'], ['generate', 'serve', 'inspect', 'fit', 'cache', 'plan', 'doctor', 'Examples:', 'MOEFLOW_MODEL']],
    [
      ['generate', '--help'],
      ['--max-tokens', '--routing', 'Sampling:', 'Examples:', 'MOEFLOW_MODEL'],
    ],
    [
      ['help', 'inspect'],
      ['<file>', '--json', 'Examples:'],
    ],
  ])('%j goes to standard output', async (words, parts) => {
    const { code, output, errors } = await moeflow(words);
    expect([code, errors]).toEqual([0, '']);
    for (const part of parts) expect(output).toContain(part);
  });

  it('comes on standard error when no command is given', async () => {
    const { code, output, errors } = await moeflow([]);
    expect([code, output]).toEqual([2, '']);
    expect(errors).toMatch(/^Usage: moeflow/);
  });
});

it('--version is the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  expect((await moeflow(['--version'])).output).toBe(`${version}\n`);
});

describe('doctor', () => {
  it('says which addon, kernel sets and processors are in use', async () => {
    const { code, output } = await moeflow(['doctor']);
    expect(code).toBe(0);
    expect(output).toContain(`node         ${process.version}`);
    expect(output).toMatch(/^addon +\/.*moeflow\.node$/m);
    expect(output).toContain(`${availableKernels().join(', ')}; chosen: ${availableKernels()[0]}\n`);
    expect(output).toMatch(/^reads by +threads(, io_uring)?; chosen: \w+$/m);
    expect(output).toMatch(/^processors +\d+ usable of \d+$/m);
  });

  it('tells what it knows even without an addon', async () => {
    const { code, output, errors } = await moeflow(['doctor'], '', { MOEFLOW_ADDON: '/nowhere.node' });
    expect(code).toBe(1);
    expect(output).toContain(process.version);
    expect(errors).toMatch(/^moeflow: .*\/nowhere\.node/);
  });
});
