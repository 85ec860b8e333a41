import { describe, expect, it } from 'vitest';
import { chatLogprobs, completionLogprobs } from '../../lib/server/logprobs.js';
import { byteTokens, scriptedModel } from '../support/scripted-engine.js';

/** The tokens of a text's bytes, each as likely as the one before it is not. */
async function likely(text: string) {
  const { model } = await scriptedModel({ token: () => 0 });
  const tokens = byteTokens(model, text).map((token, i) => ({ token, logprob: -i, top: [] }));
  return { tokenizer: model.tokenizer, tokens };
}

describe('log probabilities of a chat', () => {
  it('give the bytes of tokens, of which several may make a character', async () => {
    const { tokenizer, tokens } = await likely('é!');
    expect(chatLogprobs(tokenizer)(tokens)).toEqual({
      content: [
        { token: '\ufffd', logprob: -0, bytes: [0xc3], top_logprobs: [] },
        { token: '\ufffd', logprob: -1, bytes: [0xa9], top_logprobs: [] },
        { token: '!', logprob: -2, bytes: [0x21], top_logprobs: [] },
      ],
      refusal: null,
    });
  });

  it('call control tokens by their names, and are numbers where something was impossible', async () => {
    const { tokenizer } = await likely('');
    const end = { token: tokenizer.eosTokenId as number, logprob: Number.NEGATIVE_INFINITY };
    expect(chatLogprobs(tokenizer)([{ token: 0, logprob: -1, top: [end] }])).toMatchObject({
      content: [{ token: '!', top_logprobs: [{ token: '<|endoftext|>', logprob: -9999 }] }],
    });
  });
});

describe('log probabilities of a completion', () => {
  it('say where tokens begin, in characters, over all pieces of a stream', async () => {
    const { tokenizer, tokens } = await likely('a€👍b');
    const form = completionLogprobs(tokenizer);
    const offsets = [tokens.slice(0, 3), tokens.slice(3)].map((piece) => form(piece) as { text_offset: number[] });
    // "€" has three bytes, and the thumb four: it is one character, though two units of a JavaScript string.
    expect(offsets.flatMap(({ text_offset }) => text_offset)).toEqual([0, 1, 1, 1, 2, 2, 2, 2, 3]);
  });
});
