import { generateText, streamText } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMoeflow, type MoeflowProvider } from '../../lib/ai-sdk/index.js';
import { original } from '../support/demo.js';
import { demoModel } from '../support/fixtures.js';

Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

let moeflow: MoeflowProvider;
beforeAll(async () => {
  moeflow = createMoeflow({ model: demoModel, threads: 2, predictor: 'none' });
  // The demo model was trained on documents, which begin with this token; its file has no chat template.
  const template = "{{ '<|endoftext|>' + messages[0].content }}";
  Object.assign((await moeflow.load('demo')).metadata, { 'tokenizer.chat_template': template });
});
afterAll(() => moeflow.dispose());

describe('the demo model', () => {
  // Two words of almost the same probability come early in the text of the first prompt.
  const cases = Object.entries(original.greedy).filter(([prompt]) => prompt !== 'In the beginning');

  it.each(cases)('goes on as in Hugging Face transformers: %j', async (prompt, { ids, text, prompt_ids }) => {
    const call = { model: moeflow('demo'), prompt, maxOutputTokens: ids.length };

    const result = await generateText(call);

    expect(result.text).toBe(text);
    expect(result.finishReason).toBe('length');
    expect(result.usage).toMatchObject({ inputTokens: prompt_ids.length, outputTokens: ids.length });
    expect(await streamText(call).text).toBe(text);
  });

  it('gives calls at the same time the texts that they get alone', async () => {
    const calls = ['In the beginning', 'def main(', 'export function ', 'a person who '].flatMap((prompt) =>
      [1, 2].map((seed) => ({ model: moeflow('demo'), prompt, seed, temperature: 1, maxOutputTokens: 30 })),
    );
    const alone: string[] = [];
    for (const call of calls) alone.push((await generateText(call)).text);

    const together = await Promise.all(
      calls.map(async (call, i) => (i % 2 ? await streamText(call).text : (await generateText(call)).text)),
    );

    expect(together).toEqual(alone);
    expect(new Set(alone).size).toBe(calls.length);
  });

  it('makes the same text again from the seed that is given back', async () => {
    const call = { model: moeflow('demo'), prompt: 'a person who ', temperature: 1.2, maxOutputTokens: 20 };
    const first = await generateText(call);

    const again = await generateText({ ...call, seed: first.providerMetadata?.moeflow?.seed as number });

    expect(again.text).toBe(first.text);
  });
});
