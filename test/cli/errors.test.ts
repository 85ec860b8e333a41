import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixture, packageRoot } from '../support/fixtures.js';
import { demo, moeflow } from './command.js';

/** One line on standard error, nothing on standard output. */
async function failure(words: string[], input = '', environment: NodeJS.ProcessEnv = {}) {
  const { code, output, errors } = await moeflow(words, input, environment);
  expect(output).toBe('');
  expect(errors).toMatch(/^moeflow: [^\n]+\n$/);
  return { code, message: errors.slice('moeflow: '.length).trimEnd() };
}

describe('a wrong command line is exit code 2 and says what is wrong', () => {
  it.each<[string, string[], string | RegExp]>([
    ['no number', ['--top-k', 'abc', 'x'], "option '--top-k <n>' argument 'abc' is invalid. It must be an integer"],
    ['half a number', ['--temperature', '1x', 'x'], "option '-t, --temperature <x>' argument '1x' is invalid"],
    ['a number too large', ['--top-p', '1.5', 'x'], "argument '1.5' is invalid. It must be a number from 0 to 1."],
    ['a seed beyond 64 bits', ['--seed', '18446744073709551616', 'x'], 'It must be an integer from 0 to 2^64 - 1.'],
    ['no token ids', ['--tokens', '1,,2'], 'It must be token ids with commas between them'],
    ['an unknown choice', ['--kv-type', 'f8', 'x'], 'Allowed choices are auto, f16, f32.'],
    ['a misspelt option', ['--max-token', '3', 'x'], "unknown option '--max-token' (Did you mean --max-tokens?)"],
    ['an unquoted prompt', ['In', 'the'], 'too many arguments'],
    ['no prompt', [], 'the prompt is empty'],
    ['two prompts', ['--tokens', '1,2', 'x'], 'as text or as --tokens, not both'],
    ['routes without JSON', ['--routing', 'x'], '--routing needs --json'],
    ['a system message without a chat', ['--system', 'a', 'x'], '--system needs --chat'],
  ])('%s', async (_what, options, message) => {
    const failed = await failure(['generate', ...demo, ...options]);
    expect(failed.code).toBe(2);
    expect(failed.message).toContain(message);
  });

  it('no model', async () => {
    expect(await failure(['generate', 'x'])).toEqual({
      code: 2,
      message: 'no model: give one with --model FILE, or set MOEFLOW_MODEL',
    });
  });

  it('a misspelt command', async () => {
    const { code, message } = await failure(['generat', 'x']);
    expect(code).toBe(2);
    expect(message).toContain('(Did you mean generate?)');
  });
});

describe('what fails later is exit code 1', () => {
  it.each<[string, string[], string | Uint8Array, string]>([
    ['no such file', ['--model', 'nowhere.gguf', 'x', '--json'], '', 'nowhere.gguf'],
    ['no model file', ['--model', join(packageRoot, 'package.json'), 'x', '--json'], '', 'not a GGUF file'],
    ['a token that the model has not', [...demo, '--tokens', '4096', '--json'], '', 'ids are integers from 0 to 4095'],
    [
      'a prompt longer than the context',
      [...demo, '--context', '2', 'In the beginning', '--json'],
      '',
      'the context 2',
    ],
    ['an unknown kernel set', [...demo, '--cpu', 'mmx', 'x', '--json'], '', 'mmx'],
    ['input that is no text', [...demo, '--json'], Buffer.from([0xff, 0xfe, 0x41]), 'not UTF-8'],
  ])('%s', async (_what, options, input, message) => {
    const failed = await failure(['generate', ...options], input as string);
    expect(failed.code).toBe(1);
    expect(failed.message).toContain(message);
  });

  it('a damaged file', async () => {
    const { code, message } = await failure(['inspect', fixture('bad/truncated-5.gguf')]);
    expect(code).toBe(1);
    expect(message).toContain('truncated-5.gguf');
  });

  it('an addon that is not there, with how to build one', async () => {
    const { code, message } = await failure(['generate', ...demo, 'x'], '', { MOEFLOW_ADDON: '/nowhere.node' });
    expect(code).toBe(1);
    expect(message).toMatch(/nowhere\.node.*npx moeflow-build/);
  });
});
