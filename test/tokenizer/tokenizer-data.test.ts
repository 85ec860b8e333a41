import { describe, expect, it } from 'vitest';
import { Tokenizer, tokenizerDataFromMetadata } from '../../lib/tokenizer/index.js';
import { demoData } from './support.js';

const metadata = {
  'general.architecture': 'qwen3moe',
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'qwen2',
  'tokenizer.ggml.tokens': ['a', 'b', 'ab', '<|endoftext|>'],
  'tokenizer.ggml.token_type': Int32Array.from([1, 1, 1, 3]),
  'tokenizer.ggml.merges': ['a b'],
  'tokenizer.ggml.eos_token_id': 3,
  'tokenizer.ggml.bos_token_id': 3,
  'tokenizer.ggml.add_bos_token': true,
};
const without = (key: string) => Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== key));

describe('tokenizer data from metadata', () => {
  it('holds what the tokenizer needs', () => {
    const tokenizer = new Tokenizer(tokenizerDataFromMetadata(metadata));
    expect([...tokenizer.encode('abb')]).toEqual([3, 2, 1]);
    expect([tokenizer.vocabSize, tokenizer.bosTokenId, tokenizer.eosTokenId]).toEqual([4, 3, 3]);
    expect(tokenizer.warnings).toEqual([]);
  });

  it.each([
    ['tokenizer.ggml.model', 7, /tokenizer\.ggml\.model is 7, expected a string/],
    ['tokenizer.ggml.tokens', 'abc', /tokenizer\.ggml\.tokens is "abc", expected an array of strings/],
    ['tokenizer.ggml.tokens', ['a', 5], /tokenizer\.ggml\.tokens\[1\] is 5, expected a string/],
    ['tokenizer.ggml.tokens', [], /tokenizer\.ggml\.tokens is empty/],
    ['tokenizer.ggml.token_type', Int32Array.of(1), /token_type has 1 entries for 4 tokens/],
    ['tokenizer.ggml.scores', ['x'], /scores is an array of 1, expected an array of numbers/],
    ['tokenizer.ggml.eos_token_id', -1, /eos_token_id is -1, expected a token id/],
    ['tokenizer.ggml.eos_token_id', 1.5, /eos_token_id is 1\.5, expected a token id/],
    ['tokenizer.ggml.add_bos_token', 'yes', /add_bos_token is "yes", expected a boolean/],
  ])('names the key %s when it is wrong', (key, value, message) => {
    const read = () => tokenizerDataFromMetadata({ ...metadata, [key]: value });
    expect(read).toThrow(message);
    expect(read).toThrow(/pass token ids instead of text/);
    expect(read).toThrow(expect.objectContaining({ code: 'INVALID_FILE' }));
  });

  it('names the key that is missing', () => {
    expect(() => tokenizerDataFromMetadata(without('tokenizer.ggml.model'))).toThrow(
      /tokenizer\.ggml\.model is missing/,
    );
    expect(() => tokenizerDataFromMetadata(without('tokenizer.ggml.tokens'))).toThrow(
      /tokenizer\.ggml\.tokens is missing/,
    );
    const noMerges = tokenizerDataFromMetadata(without('tokenizer.ggml.merges'));
    expect(() => new Tokenizer(noMerges)).toThrow(/tokenizer\.ggml\.merges is missing/);
    expect(() => new Tokenizer({ ...noMerges, model: 'llama' })).toThrow(/tokenizer\.ggml\.scores is missing/);
  });
});

describe('a doubtful tokenizer', () => {
  it('works, and says what is doubtful', () => {
    const tokenizer = Tokenizer.fromMetadata({
      ...metadata,
      'tokenizer.ggml.pre': 'unheard-of',
      'tokenizer.ggml.bos_token_id': 4_294_967_295,
    });
    expect([...tokenizer.encode('ab')]).toEqual([2]);
    expect(tokenizer.warnings).toHaveLength(3);
    expect(tokenizer.warnings.join('\n')).toMatch(/"unheard-of"/);
    expect(tokenizer.warnings.join('\n')).toMatch(/bos_token_id is 4294967295, but the vocabulary has 4 tokens/);
    expect(tokenizer.warnings.join('\n')).toMatch(/bos_token_id is not set: none is added/);
  });
});

describe('a model without usable tokenizer', () => {
  it('has token ids and end tokens, and tells the reason when text is used', () => {
    const tokenizer = Tokenizer.fromMetadata({ ...metadata, 'tokenizer.ggml.model': 'rwkv' });
    const reason = /tokenizer\.ggml\.model is "rwkv", which is not supported\. Supported: "gpt2", "llama"/;
    expect(tokenizer.unavailableReason).toMatch(reason);
    expect(() => tokenizer.encode('a')).toThrow(reason);
    expect(() => tokenizer.decode([0])).toThrow(reason);
    expect(() => tokenizer.tokenBytes(0)).toThrow(reason);
    expect([tokenizer.vocabSize, tokenizer.eosTokenId, tokenizer.isEndOfGeneration(3)]).toEqual([4, 3, true]);
  });

  it('can be a file without any tokenizer', () => {
    const tokenizer = Tokenizer.fromMetadata({});
    expect(tokenizer.vocabSize).toBe(0);
    expect(tokenizer.isEndOfGeneration(0)).toBe(false);
    const error = expect.objectContaining({ code: 'UNSUPPORTED' });
    expect(() => tokenizer.encode('a')).toThrow(error);
    expect(() => tokenizer.encode('a')).toThrow(/tokenizer\.ggml\.model is missing/);
    // Its tokens can still be generated; they have no text.
    expect(tokenizer.stream().push(7)).toBe('');
  });

  it('can be a file with a broken one', () => {
    const tokenizer = Tokenizer.fromMetadata({ ...metadata, 'tokenizer.ggml.merges': 5 });
    expect(() => tokenizer.encode('a')).toThrow(/tokenizer\.ggml\.merges is 5/);
  });
});

describe('wrong arguments', () => {
  const tokenizer = new Tokenizer(demoData);

  it.each([
    [[0, 4096], /tokens\[1\] is 4096, expected a whole number from 0 to 4095/],
    [[-1], /tokens\[0\] is -1/],
    [[1, 2, 1.5], /tokens\[2\] is 1\.5/],
    [[Number.NaN], /tokens\[0\] is NaN/],
    [['7'], /tokens\[0\] is "7"/],
  ])('decode names index and value of %j', (tokens, message) => {
    expect(() => tokenizer.decode(tokens as number[])).toThrow(message);
  });

  it('encode wants a string', () => {
    expect(() => tokenizer.encode(5 as unknown as string)).toThrow(/text is 5, expected a string/);
  });
});
