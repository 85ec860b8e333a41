import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { demoFolder, demoModel } from '../support/fixtures.js';
import { demo, moeflow } from './command.js';

/** Greedy tokens of Hugging Face transformers for the demo model. */
const { prompt_ids: promptIds, ids: greedyIds } = JSON.parse(readFileSync(join(demoFolder, 'reference.json'), 'utf8'))
  .greedy['def main('] as { prompt_ids: number[]; ids: number[] };
const referencePrompt = ['--tokens', promptIds.join(',')];
const eightTokens = ['--max-tokens', '8'];

describe('text', () => {
  it('goes to standard output alone, statistics are one line on standard error', async () => {
    const { code, output, errors } = await moeflow(['generate', ...demo, ...eightTokens, 'In the beginning']);
    expect(code).toBe(0);
    expect(output.length).toBeGreaterThan(8);
    expect(errors).toMatch(
      /^\[prompt \d+ tokens at [\d.,]+ tokens\/s \| generated 8 tokens at [\d.,]+ tokens\/s \| experts used \d+ of 256 \| all in memory \| memory [\d.]+ MiB \| \w+, \d+ threads?\]\n$/,
    );
  });

  it('is the same for a prompt by a pipe, without its last line break', async () => {
    const sampling = ['--temperature', '0.8', '--seed', '18446744073709551615'];
    const [asArgument, byPipe] = await Promise.all([
      moeflow(['generate', ...demo, ...eightTokens, ...sampling, 'In the beginning']),
      moeflow(['generate', ...demo, ...eightTokens, ...sampling], 'In the beginning\n'),
    ]);
    expect(byPipe.code).toBe(0);
    expect(byPipe.output).toBe(asArgument.output);
  });

  it('takes the model from MOEFLOW_MODEL, and names the seed that it drew', async () => {
    const { code, errors } = await moeflow(['generate', 'And', '-n', '2', '-t', '1'], '', { MOEFLOW_MODEL: demoModel });
    expect(code).toBe(0);
    expect(errors).toMatch(/\| seed \d+\]\n$/);
  });
});

describe('--json', () => {
  it('prints one object and nothing else', async () => {
    const { code, output, errors } = await moeflow(['generate', ...demo, ...eightTokens, '--json', ...referencePrompt]);
    expect(code).toBe(0);
    expect(errors).toBe('');
    const result = JSON.parse(output);
    expect(Object.keys(result)).toEqual(['text', 'tokens', 'finishReason', 'seed', 'stats']);
    expect(result.tokens).toEqual(greedyIds.slice(0, 8));
    expect(result.finishReason).toBe('length');
    expect(result.stats).toMatchObject({ promptTokens: promptIds.length, generatedTokens: 8, expertsTotal: 256 });
    for (const name of [
      'promptTokensPerSecond',
      'generatedTokensPerSecond',
      'loadSeconds',
      'residentBytes',
      'expertsUsed',
    ]) {
      expect(result.stats[name], name).toBeGreaterThan(0);
    }
  });

  it('gives the same text as without', async () => {
    const [plain, json] = await Promise.all([
      moeflow(['generate', ...demo, ...eightTokens, 'The module']),
      moeflow(['generate', ...demo, ...eightTokens, 'The module', '--json']),
    ]);
    expect(JSON.parse(json.output).text).toBe(plain.output);
  });

  it('carries routes as [token][layer][k]', async () => {
    const { output } = await moeflow(['generate', ...demo, '-n', '3', '--json', '--routing', ...referencePrompt]);
    const { experts, weights } = JSON.parse(output).routing as { experts: number[][][]; weights: number[][][] };
    for (const nested of [experts, weights]) {
      // The last token generated is not read by the model any more.
      expect(nested).toHaveLength(promptIds.length + 2);
      for (const layers of nested) {
        expect(layers).toHaveLength(8);
        for (const layer of layers) expect(layer).toHaveLength(4);
      }
    }
    for (const layer of experts.flat()) {
      expect(new Set(layer).size).toBe(4);
      for (const expert of layer) expect(expert).toBeOneOf(Array.from({ length: 32 }, (_, index) => index));
    }
    // Qwen3-MoE scales the chosen experts' weights to a sum of one.
    for (const layer of weights.flat()) expect(layer.reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 4);
  });
});

describe('ends', () => {
  it('before any of the stop strings', async () => {
    const { output } = await moeflow(['generate', ...demo, '-n', '60', 'In the beginning', '--json']);
    const { text } = JSON.parse(output) as { text: string };
    const [first, second] = [text.slice(10, 14), text.slice(20, 24)];
    const end = Math.min(text.indexOf(first), text.indexOf(second));
    const stops = ['--stop', second, '--stop', first];
    const stopped = await moeflow(['generate', ...demo, '-n', '60', 'In the beginning', ...stops, '--json']);
    expect(JSON.parse(stopped.output)).toMatchObject({ text: text.slice(0, end), finishReason: 'stop' });
  });

  it('with the context, as --context sets it', async () => {
    const { output } = await moeflow(['generate', ...demo, '--context', '12', '--ignore-eos', '--json', 'And it came']);
    const { finishReason, stats } = JSON.parse(output);
    expect(finishReason).toBe('length');
    // The last token is not read back, so it needs no place.
    expect(stats.promptTokens + stats.generatedTokens).toBe(13);
  });
});

describe('--ram', () => {
  it('keeps some experts in memory, changes no token, and says on the statistics line what it did', async () => {
    const [all, some] = await Promise.all([
      moeflow(['generate', ...demo, ...eightTokens, 'The module']),
      moeflow(['generate', ...demo, ...eightTokens, 'The module', '--ram', '106MiB', '--policy', 'lfu']),
    ]);
    expect(some.errors).toMatch(
      /\| \d+ of 256 in memory \(lfu, budget 106 MiB, hit rate [\d.]+ %, [\d.]+ MiB read\) \|/,
    );
    expect(some.output).toBe(all.output);
  });

  it('that is no size, or too small, is an error that says what would do', async () => {
    const wrong = await moeflow(['generate', ...demo, '--ram', 'much', 'Hello']);
    expect(wrong.code).toBe(2);
    expect(wrong.errors).toContain('It must be a size, as in 6GiB, 1.5GB or 4096.');
    const small = await moeflow(['generate', ...demo, '--ram', '10MiB', 'Hello']);
    expect(small.code).toBe(1);
    expect(small.errors).toMatch(/a memory budget of 10 MiB is too small: at least \d+ MiB are needed/);
  });
});

describe('--chat', () => {
  it('applies the chat format: more tokens than the text, and a system message adds to them', async () => {
    const promptTokens = async (...options: string[]) => {
      const { output } = await moeflow(['generate', ...demo, '-n', '1', '--json', 'Hello', ...options]);
      return JSON.parse(output).stats.promptTokens as number;
    };
    const [plain, chat, system] = await Promise.all([
      promptTokens(),
      promptTokens('--chat'),
      promptTokens('--chat', '--system', 'Be brief.'),
    ]);
    expect(chat).toBeGreaterThan(plain + 4);
    expect(system).toBeGreaterThan(chat + 4);
  });
});
