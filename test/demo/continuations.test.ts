import { describe, expect, it } from 'vitest';
import { fastKernels } from '../support/conformance.js';
import { original } from '../support/demo.js';
import { demoModel } from '../support/fixtures.js';
import { load } from '../support/models.js';

/** 40 greedy tokens after each prompt by Hugging Face transformers in float32 from the float16 weights. */
const { greedy } = original;
/** Here two tokens are almost equally likely after 7, and rounded activations may take the other: llama.cpp does. */
const tie = { prompt: 'In the beginning', after: 7 };

describe('the demo model goes on as Hugging Face transformers does', () => {
  it.each(Object.entries(greedy))('after %j, in float32', async (_, { prompt_ids, ids, text }) => {
    const model = await load(demoModel, { cpu: 'reference', contextLength: 64 });

    const result = await model.generate(prompt_ids, { maxTokens: 40 }).result;

    expect(result).toMatchObject({ tokens: ids, text, finishReason: 'length' });
  });

  it.each(Object.entries(greedy))('after %j, with rounded activations', async (prompt, { prompt_ids, ids }) => {
    const model = await load(demoModel, { cpu: fastKernels[0], contextLength: 64 });
    const certain = prompt === tie.prompt ? ids.slice(0, tie.after) : ids;

    const { tokens } = await model.generate(prompt_ids, { maxTokens: 40 }).result;

    expect(tokens.slice(0, certain.length)).toEqual(certain);
  });

  it.each(Object.entries(greedy))('and reads %j as the same tokens', async (prompt, { prompt_ids }) => {
    const model = await load(demoModel, { contextLength: 64 });

    expect([...model.tokenize(`<|endoftext|>${prompt}`, { parseSpecial: true })]).toEqual(prompt_ids);
  });
});
