import { describe, expect, it } from 'vitest';
import { readSpeed } from '../../bench/offload/disk.js';
import { readOptions } from '../../bench/offload/options.js';

describe('options of the offloading benchmark', () => {
  it('have defaults, and prompts from short to long', () => {
    const options = readOptions(['--file', 'a.gguf', '--prompts', '512,64', '--only', 'llama,moeflow']);
    expect(options).toMatchObject({ caps: [50, 25], runs: 3, prompts: [64, 512], runtimes: ['moeflow', 'llama'] });
  });

  it.each([
    [[], '--file is missing'],
    [['--file', 'a', '--caps', '50,150'], "--caps 150: percent of the file's size"],
    [['--file', 'a', '--caps', '0'], '--caps 0: a whole number above 0'],
    [['--file', 'a', '--only', 'moeflow,lama'], '--only lama: use some of moeflow,resident,llama-repacked'],
    [['--file', 'a', '--decode', '1'], '--decode 1: at least 2 tokens'],
    [['--file', 'a', '--nonsense'], '--nonsense'],
  ])('%j are refused with what is wrong', (commandLine, message) =>
    expect(() => readOptions(commandLine)).toThrow(message),
  );
});

describe("fio's speed", () => {
  it('is found behind its warnings', () =>
    expect(readSpeed('note: clock skewed\n{"jobs": [{"read": {"bw_bytes": 123456}}]}\n')).toBe(123456));
});
