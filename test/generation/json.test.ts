import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JsonConstraint, JsonMasks } from '../../lib/generation/json/json-constraint.js';
import { loadModel, type Model, type Tokenizer, UnsupportedError } from '../../lib/index.js';
import { demoModel } from '../support/fixtures.js';
import { byteTokens, scriptedModel } from '../support/scripted-engine.js';

describe('a generation of JSON', () => {
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(demoModel, { contextLength: 512 });
  });
  afterAll(() => model.dispose());

  it('is an object whatever the model would rather say, and ends with it', async () => {
    const options = { json: true, temperature: 1, maxTokens: 400 };
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, seed) => model.generate('{', { ...options, seed }).result),
    );
    const complete = results.filter(({ finishReason }) => finishReason === 'stop');
    expect(complete.length).toBeGreaterThan(0);
    for (const { text } of complete) expect(JSON.parse(text)).toBeTypeOf('object');
    for (const { text } of results) expect(text.trimStart()[0]).toBe('{');
  });

  it('draws the most likely of the tokens that may come', async () => {
    const tokenizer = model.tokenizer;
    const constraint = new JsonConstraint(new JsonMasks(tokenizer), tokenizer);
    const prompt = model.tokenize('The answer is ');
    const { tokens } = await model.generate(prompt, { json: true, maxTokens: 8 }).result;
    for (let i = 0; i < tokens.length; i++) {
      const before = [...prompt, ...tokens.slice(0, i)];
      const { logits } = await model.evaluate(before, { from: before.length - 1 });
      const allowed = constraint.allowed();
      const best = [...logits.keys()]
        .filter((token) => (allowed[token >> 3] ?? 0) & (1 << (token & 7)))
        .reduce((a, b) => ((logits[b] as number) > (logits[a] as number) ? b : a));
      expect(tokens[i]).toBe(best);
      constraint.accept(best);
    }
  });

  it('allows exactly the tokens whose bytes may come', async () => {
    const tokenizer = model.tokenizer;
    const masks = new JsonMasks(tokenizer);
    for (const text of ['', '{', '{"a', '{"a":', '{"a":[1', '{"a": tr', '{"a":"\\u0', '{"a":{"b":[]']) {
      const state = new JsonConstraint(masks, tokenizer);
      const said = byteTokens(model, text);
      for (const token of said) state.accept(token);
      const mask = state.allowed();
      for (let token = 0; token < tokenizer.vocabSize; token++) {
        const isAllowed = ((mask[token >> 3] as number) & (1 << (token & 7))) !== 0;
        const again = new JsonConstraint(masks, tokenizer);
        for (const one of said) again.accept(one);
        let fits = tokenizer.isText(token) && tokenizer.tokenBytes(token).length > 0;
        try {
          if (fits) again.accept(token);
        } catch {
          fits = false;
        }
        expect(isAllowed, `${text} and token ${token}`).toBe(fits);
      }
    }
  });
});

describe('a vocabulary that cannot write JSON', () => {
  it('is refused, with what it lacks', () => {
    const letters = [...'{}[]:,"0aeflnrst'].map((character) => Uint8Array.of(character.charCodeAt(0)));
    const tokenizer = {
      vocabSize: letters.length,
      isText: () => true,
      isEndOfGeneration: () => false,
      tokenBytes: (id: number) => letters[id] as Uint8Array,
    } as unknown as Tokenizer;
    expect(() => new JsonMasks(tokenizer)).toThrow(UnsupportedError);
    expect(() => new JsonMasks(tokenizer)).toThrow('no token for u alone');
  });
});

describe('an end token whose text could stand in JSON', () => {
  it('may not come: the object would be cut off', () => {
    const letters = ['<end>', ...'{}[]:,"0aeflnrstu'].map((text) => new TextEncoder().encode(text));
    const tokenizer = {
      vocabSize: letters.length,
      isText: () => true,
      isEndOfGeneration: (id: number) => id === 0,
      tokenBytes: (id: number) => letters[id] as Uint8Array,
    } as unknown as Tokenizer;
    const constraint = new JsonConstraint(new JsonMasks(tokenizer), tokenizer);
    for (const character of '{"') constraint.accept(1 + '{}[]:,"'.indexOf(character));
    const [first = 0] = constraint.allowed();
    expect(first & 1).toBe(0);
    expect(first & 2).toBe(2);
  });
});

describe('a generation of JSON on its way', () => {
  it('is complete with the last token that it may have, too', async () => {
    const { model: asking } = await scriptedModel({ token: () => 0 });
    const said = byteTokens(asking, '{"a":1}');
    const { model } = await scriptedModel({ token: (generated) => said[generated] ?? 0 });
    const whole = await model.generate([1], { json: true, maxTokens: said.length }).result;
    expect(whole.finishReason).toBe('stop');
    const cut = await model.generate([1], { json: true, maxTokens: said.length - 1 }).result;
    expect(cut.finishReason).toBe('length');
  });

  it('asks the engine for tokens that may come, and for no more when the object is complete', async () => {
    const { model: asking } = await scriptedModel({ token: () => 0 });
    const said = byteTokens(asking, '{"a":[1,2]}');
    const { model, engine } = await scriptedModel({ token: (generated) => said[generated] ?? 0 });
    const { text, finishReason } = await model.generate([1], { json: true }).result;
    expect(text).toBe('{"a":[1,2]}');
    expect(finishReason).toBe('stop');
    expect(engine.steps).toHaveLength(said.length);
  });
});
