import { describe, expect, it } from 'vitest';
import { preTokenizerNamed } from '../../lib/tokenizer/pre-tokenizer.js';
import { readFixture } from './support.js';

/**
 * Where Hugging Face tokenizers (Rust, Oniguruma) ends each piece, in code points, with the pre-tokenizers of the
 * published tokenizer.json files; see test/fixtures/tokenizer/make-expectations.py.
 */
const expectations: { texts: string[]; ends: Record<string, number[][]> } = readFixture('pre-tokenizers.json');

function pieces(text: string, ends: readonly number[]): string[] {
  const codePoints = [...text];
  return ends.map((end, index) => codePoints.slice(ends[index - 1] ?? 0, end).join(''));
}

describe.each(Object.entries(expectations.ends))('pre-tokenizer %s', (name, ends) => {
  it('cuts text where Hugging Face tokenizers cuts it', () => {
    const { split } = preTokenizerNamed(name);
    const ours = expectations.texts.map((text) => split(text).filter((piece) => piece !== ''));
    expect(ours).toEqual(expectations.texts.map((text, index) => pieces(text, ends[index] ?? [])));
  });

  it.each([
    ['spaces', `${' '.repeat(100_000)}1`],
    ['letters', `${'A'.repeat(100_000)}1`],
    ['line breaks', ' \n'.repeat(50_000)],
    ['marks', `a${'\u0301'.repeat(100_000)}`],
  ])('does not slow down on a long run of %s', (_, text) => {
    const start = performance.now();
    expect(preTokenizerNamed(name).split(text).join('')).toBe(text);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('the name of the pre-tokenizer', () => {
  it.each([
    ['llama-v3', 'llama-bpe'],
    ['llama3', 'llama-bpe'],
    ['glm4', 'llama-bpe'],
    ['chatglm-bpe', 'llama-bpe'],
    ['deepseek-r1-qwen', 'qwen2'],
    ['olmo', 'gpt-2'],
    ['dolma', 'gpt-2'],
    ['refact', 'starcoder'],
    ['smollm', 'starcoder'],
    ['o200k', 'gpt-4o'],
  ])('%s cuts like %s', (name, same) => {
    expect(preTokenizerNamed(name).patterns).toEqual(preTokenizerNamed(same).patterns);
    expect(preTokenizerNamed(name).warning).toBeUndefined();
  });

  it('warns, and still cuts, when it is unknown or missing', () => {
    const unknown = preTokenizerNamed('from-the-future');
    expect(unknown.warning).toMatch(/tokenizer\.ggml\.pre is "from-the-future".*"llama-bpe"/);
    expect(unknown.split('Hello world 1234')).toEqual(['Hello', ' world', ' ', '123', '4']);
    const missing = preTokenizerNamed(undefined);
    expect(missing.warning).toMatch(/tokenizer\.ggml\.pre is missing/);
    expect(missing.split('Hello world')).toEqual(['Hello', ' world']);
  });
});
