import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { demo, interrupt, moeflow } from './command.js';

function promptFolder(): string {
  const folder = join(temporaryDirectory(), 'prompts');
  mkdirSync(folder);
  writeFileSync(join(folder, 'b.txt'), 'The capital of France is\n');
  writeFileSync(join(folder, 'a.txt'), 'Once upon a time');
  writeFileSync(join(folder, 'c.jsonl'), '"One"\n{"prompt": "Two", "id": 7}\n');
  return folder;
}

describe('trace', () => {
  it('records a folder of prompts, says what is in it, exports it, and imports what it exported', async () => {
    const folder = promptFolder();
    const routes = join(folder, '../routes');
    const recorded = await moeflow(['trace', 'record', folder, ...demo, '-o', routes, '-n', '6', '--ignore-eos']);
    expect(recorded).toMatchObject({ code: 0, output: '' });
    expect(recorded.errors).toMatch(/^recorded \d+ tokens of 4 sequences in /m);

    const { output } = await moeflow(['trace', 'info', routes]);
    expect(output).toMatch(/^shape +8 layers, 4 of 32 experts per token$/m);
    expect(output).toMatch(/^sequences +4$/m);
    expect(output).toMatch(/^tokens +\d+: \d+ of prompts, 20 generated$/m);
    const info = JSON.parse((await moeflow(['trace', 'info', routes, '--json'])).output);
    expect(info).toMatchObject({ layers: 8, experts: 32, k: 4, sequences: 4, decodeTokens: 20 });

    const text = (await moeflow(['trace', 'export', routes, '--to', 'jsonl', '-o', '-'])).output;
    expect(text.trimEnd().split('\n')).toHaveLength(1 + info.tokens);
    const csv = join(folder, '../routes.csv');
    await moeflow(['trace', 'export', routes, '--to', 'csv', '-o', csv]);
    expect(readFileSync(csv, 'utf8').trimEnd().split('\n')).toHaveLength(2 + 32 * info.tokens);
    const again = join(folder, '../again.parquet');
    const imported = await moeflow(['trace', 'import', csv, '-o', again]);
    expect(imported.errors).toBe(`imported ${info.tokens} tokens of 8 layers, 4 of 32 experts each, to ${again}\n`);
    expect(JSON.parse((await moeflow(['trace', 'info', again, '--json'])).output)).toEqual(info);
  });

  it('ends a recording at Ctrl-C with what was computed until then', async () => {
    const routes = join(promptFolder(), '../routes');
    const words = ['trace', 'record', join(routes, '../prompts'), ...demo, '-o', routes, '--ignore-eos'];
    const { code, errors } = await interrupt(words, 700);
    expect(code).toBe(130);
    if (errors.includes('recorded')) expect((await moeflow(['trace', 'info', routes])).code).toBe(0);
  });

  it.runIf(existsSync('/dev/full'))('fails when what it writes does not arrive', async () => {
    const file = join(temporaryDirectory(), 'trace.jsonl');
    writeFileSync(file, '{"tok": 0, "layers": [[0, 1]]}\n');
    const { code, errors } = await moeflow(['trace', 'export', file, '--to', 'csv', '-o', '/dev/full']);
    expect([code, errors]).toEqual([1, expect.stringContaining('ENOSPC')]);
  });

  it('says what is wrong with a command line, a prompt file, a trace', async () => {
    const folder = promptFolder();
    const problem = async (...words: string[]) => {
      const { code, output, errors } = await moeflow(['trace', ...words]);
      expect(output).toBe('');
      return `${code} ${errors}`;
    };
    expect(await problem('record', folder, '-o', 'x')).toMatch(/^2 moeflow: no model/);
    writeFileSync(join(folder, 'c.jsonl'), '{"text": "a"}\n');
    expect(await problem('record', join(folder, 'c.jsonl'), ...demo, '-o', join(folder, '../r'))).toMatch(
      /^2 .*c\.jsonl:1 must be a JSON string, or an object with "prompt"/,
    );
    expect(await problem('info', join(folder, 'a.txt'))).toMatch(/^1 .*a\.txt is in no format that is known/);
    expect(await problem('info', join(folder, 'd.txt'))).toMatch(/^1 .*cannot read .*d\.txt/);
    expect(await problem('export', folder, '-o', '-')).toMatch(/^2 .*--to/);
    expect(await problem('import', folder, '-o', 'x', '--format', 'word')).toMatch(/^2 .*--format/);
  });
});
