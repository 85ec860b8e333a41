import { InvalidArgumentError, type LanguageModelV3CallOptions } from '@ai-sdk/provider';
import { generateText } from 'ai';
import { describe, expect, it } from 'vitest';
import { callSettings } from '../../lib/ai-sdk/call-settings.js';
import { speaker } from './support.js';

const read = (call: Partial<LanguageModelV3CallOptions>) => callSettings({ prompt: [], ...call });

describe('the settings of a call', () => {
  it('become those of a generation', () => {
    const { signal } = new AbortController();

    const { options, warnings } = read({
      maxOutputTokens: 9,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      seed: 3,
      stopSequences: ['\n'],
      abortSignal: signal,
      headers: { 'user-agent': 'ai/6' },
      includeRawChunks: true,
      providerOptions: {
        moeflow: { minP: 0.1, repeatPenalty: 1.2, priority: -1, deadlineSeconds: 2 },
        other: { x: 1 },
      },
    });

    expect(options).toEqual({
      maxTokens: 9,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      seed: 3,
      stop: ['\n'],
      signal,
      minP: 0.1,
      repeatPenalty: 1.2,
      priority: -1,
      deadlineSeconds: 2,
    });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['maxOutputTokens', { maxOutputTokens: 0 }, 'maxOutputTokens must be an integer of at least 1, is 0'],
    ['temperature', { temperature: -1 }, 'temperature must be a number'],
    ['stopSequences', { stopSequences: [''] }, 'stopSequences must be'],
    ['half a character', { stopSequences: ['a\ud83d'] }, 'stopSequences has half of a surrogate pair'],
    ['minP', { providerOptions: { moeflow: { minP: 2 } } }, 'minP must be a number from 0 to 1, is 2'],
    ['a wrong name', { providerOptions: { moeflow: { minp: 0.1 } } }, 'did you mean minP?'],
    ['another setting', { providerOptions: { moeflow: { temperature: 1 } } }, 'unknown option temperature'],
  ] as [string, Partial<LanguageModelV3CallOptions>, string][])('may be wrong: %s', (_, call, message) => {
    expect(() => read(call)).toThrow(InvalidArgumentError);
    expect(() => read(call)).toThrow(message);
  });

  it('that are wrong are not tried again', async () => {
    const { moeflow, engine } = await speaker('never');

    const call = { model: moeflow('olmoe'), prompt: 'x', providerOptions: { moeflow: { priority: 'high' } } };

    await expect(generateText(call)).rejects.toMatchObject({
      name: 'AI_InvalidArgumentError',
      argument: 'providerOptions.moeflow',
      message: expect.stringMatching(/^priority must be an integer .* is "high"$/),
    });
    expect(engine.steps).toEqual([]);
  });
});

describe('warnings', () => {
  const functionTool = { type: 'function' as const, name: 'add', inputSchema: {} };

  it.each([
    ['presencePenalty', { presencePenalty: 0.1 }],
    ['frequencyPenalty', { frequencyPenalty: -0.1 }],
    ['responseFormat', { responseFormat: { type: 'json', schema: { type: 'object' } } }],
    ['tools', { tools: [functionTool] }],
    ['tools', { tools: [functionTool], toolChoice: { type: 'required' } }],
  ] as [string, Partial<LanguageModelV3CallOptions>][])('tell that %s has no effect: %o', (feature, call) => {
    expect(read(call).warnings).toEqual([{ type: 'unsupported', feature, details: expect.any(String) }]);
  });

  it.each([
    ['penalties of 0', { presencePenalty: 0, frequencyPenalty: 0 }],
    ['plain text', { responseFormat: { type: 'text' } }],
    ['JSON of any form', { responseFormat: { type: 'json' } }],
    ['an empty list of tools', { tools: [], toolChoice: { type: 'auto' } }],
    ['tools that are not to be called', { tools: [functionTool], toolChoice: { type: 'none' } }],
  ] as [string, Partial<LanguageModelV3CallOptions>][])('are none of %s', (_, call) => {
    expect(read(call).warnings).toEqual([]);
  });
});
