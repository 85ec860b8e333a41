import { generateObject, generateText, jsonSchema, Output, tool } from 'ai';
import { describe, expect, it } from 'vitest';
import type { MoeflowProviderOptions } from '../../lib/ai-sdk/index.js';
import { turnsOfEventLoop } from '../support/scripted-engine.js';
import { speaker } from './support.js';

describe('generateText', () => {
  it('gives the text, why it ended, and what it took', async () => {
    const { moeflow, prompts } = await speaker('Because.');

    const result = await generateText({ model: moeflow('olmoe'), prompt: 'Why?' });

    expect(result.text).toBe('Because.');
    expect([result.finishReason, result.rawFinishReason]).toEqual(['stop', 'stop']);
    expect(result.warnings).toEqual([]);
    expect(prompts).toEqual(['<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n']);
    const { inputTokens, outputTokens, totalTokens } = result.usage;
    expect(outputTokens).toBe('Because.'.length);
    // ChatML has three control tokens here, and beside them no more tokens than bytes.
    expect(inputTokens).toBeGreaterThan(3);
    expect(inputTokens).toBeLessThanOrEqual(3 + 'user\nWhy?\nassistant\n'.length);
    expect(totalTokens).toBe((inputTokens ?? 0) + (outputTokens ?? 0));
    expect(result.response).toMatchObject({ modelId: 'olmoe', id: expect.stringMatching(/^moeflow-/) });
    expect(result.response.timestamp).toBeInstanceOf(Date);
  });

  it('has the numbers of the engine in its metadata', async () => {
    const { moeflow } = await speaker('ok');

    const { providerMetadata } = await generateText({ model: moeflow('olmoe'), prompt: 'x', seed: 7 });

    expect(providerMetadata?.moeflow).toMatchObject({ seed: 7, pauses: 0, expertHitRate: 1, expertsTotal: 2 });
    for (const name of ['promptTokensPerSecond', 'generatedTokensPerSecond', 'queueSeconds', 'expertsUsed']) {
      expect(providerMetadata?.moeflow?.[name]).toBeGreaterThanOrEqual(0);
    }
  });

  it('says with which seed a text can be had again', async () => {
    const { moeflow } = await speaker('ok');

    const { providerMetadata } = await generateText({ model: moeflow('olmoe'), prompt: 'x' });

    expect(Number.isSafeInteger(providerMetadata?.moeflow?.seed)).toBe(true);
  });

  it.each([
    { name: 'enough tokens', settings: { maxOutputTokens: 3 }, text: 'one', reason: 'length', raw: 'length' },
    { name: 'a stop sequence', settings: { stopSequences: ['thr'] }, text: 'one two ', reason: 'stop', raw: 'stop' },
    { name: 'nothing to say', settings: { stopSequences: ['one'] }, text: '', reason: 'stop', raw: 'stop' },
  ])('ends at $name', async ({ settings, text, reason, raw }) => {
    const { moeflow } = await speaker('one two three');

    const result = await generateText({ model: moeflow('olmoe'), prompt: 'Count', ...settings });

    expect([result.text, result.finishReason, result.rawFinishReason]).toEqual([text, reason, raw]);
  });

  it('ends at the deadline with the text that there is', async () => {
    const { moeflow } = await speaker('on and ', { endlessly: true, beforeStepEnds: () => turnsOfEventLoop(1) });

    const result = await generateText({
      model: moeflow('olmoe'),
      prompt: 'Go',
      providerOptions: { moeflow: { deadlineSeconds: 0.05 } satisfies MoeflowProviderOptions },
    });

    expect([result.finishReason, result.rawFinishReason]).toEqual(['other', 'deadline']);
    expect('on and '.repeat(result.text.length).startsWith(result.text)).toBe(true);
  });

  it('reads what calls at the same time have in common once, and counts it as read from a cache', async () => {
    const { moeflow } = await speaker('yes', { beforeStepEnds: () => turnsOfEventLoop(1) });
    const system = 'You are terse. '.repeat(20);
    const ask = (prompt: string) => generateText({ model: moeflow('olmoe'), system, prompt });

    const usages = (await Promise.all([ask('A?'), ask('B?')])).map(({ usage }) => usage);

    const cached = usages.map(({ inputTokenDetails }) => inputTokenDetails.cacheReadTokens ?? 0);
    expect(Math.min(...cached)).toBe(0);
    expect(Math.max(...cached)).toBeGreaterThan(16);
    for (const { inputTokens, inputTokenDetails } of usages) {
      expect((inputTokenDetails.noCacheTokens ?? 0) + (inputTokenDetails.cacheReadTokens ?? 0)).toBe(inputTokens);
    }
  });

  it('warns of settings that have no effect', async () => {
    const { moeflow } = await speaker('Mild.');
    const weather = tool({ inputSchema: jsonSchema<{ city: string }>({ type: 'object' }) });

    const { text, warnings } = await generateText({
      model: moeflow('olmoe'),
      prompt: 'What is the weather?',
      presencePenalty: 0.5,
      frequencyPenalty: 0.5,
      tools: { weather },
    });

    expect(text).toBe('Mild.');
    expect(warnings?.map((warning) => warning.type === 'unsupported' && warning.feature)).toEqual([
      'presencePenalty',
      'frequencyPenalty',
      'tools',
    ]);
  });

  it('reads an object from what the model has written, and warns that the schema did not force it', async () => {
    const { moeflow, engine } = await speaker('{"blue":true}');
    const schema = jsonSchema<{ blue: boolean }>({ type: 'object', properties: { blue: { type: 'boolean' } } });

    const asked = { model: moeflow('olmoe'), prompt: 'Is it?' };
    const { output, warnings } = await generateText({ ...asked, output: Output.object({ schema }) });
    const { object } = await generateObject({ ...asked, schema });

    expect([output, object]).toEqual([{ blue: true }, { blue: true }]);
    expect(warnings).toMatchObject([{ type: 'unsupported', feature: 'responseFormat' }]);
    expect(engine.allowed.every((allowed) => allowed !== undefined)).toBe(true);
  });
});
