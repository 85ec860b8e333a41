import { describe, expect, it } from 'vitest';
import { post, question, serveText } from './serving.js';

/** What a server says to a body, and how many seconds it takes. */
async function answerTo(body: object | string, endpoint = 'chat/completions') {
  const { url } = await serveText('!', { contextLength: 4096 });
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const started = performance.now();
  const response = await post(`${url}/v1/${endpoint}`, text);
  const answer = await response.text();
  const seconds = (performance.now() - started) / 1000;
  return { status: response.status, error: JSON.parse(answer).error, length: answer.length, seconds };
}

/** An error like any other one: it is short, and nobody else has had to wait for it. */
function expectShortAndQuick({ length, seconds }: { length: number; seconds: number }): void {
  expect(length).toBeLessThan(2000);
  expect(seconds).toBeLessThan(3);
}

describe('a body that is large and wrong gets a short answer soon', () => {
  it.each([
    ['whose name nobody knows', 'x'.repeat(4 * 2 ** 20)],
    ['whose name begins like a known one', `temperature${' '.repeat(4 * 2 ** 20)}`],
  ])('by a parameter %s', async (_, name) => {
    const answer = await answerTo({ ...question, [name]: 1 });
    expect(answer).toMatchObject({ status: 400, error: { code: 'unknown_parameter' } });
    expect(answer.error.param).toBe(`${name.slice(0, 40)}...`);
    expectShortAndQuick(answer);
  });

  it.each<[string, object, string, string]>([
    ['messages that are none', { messages: new Array(2_000_000).fill(0) }, 'messages[0]', 'must be { "role"'],
    [
      'parts that are none',
      { messages: [{ role: 'user', content: new Array(200_000).fill({}) }] },
      'messages[0].content[0].type',
      'must be "text"',
    ],
    [
      'parts of which the last one is none',
      { messages: [{ role: 'user', content: [...new Array(100_000).fill({ type: 'text', text: '' }), 1] }] },
      'messages[0].content[100000]',
      'must be { "type": "text", "text": "..." }, is 1',
    ],
    ['strings to stop at', { stop: new Array(1_000_000).fill('x') }, 'stop', 'an array of at most 16'],
    ['parameters', Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`x${i}`, 1])), 'x0', 'unknown'],
  ])('by many %s', async (_, wrong, param, message) => {
    const answer = await answerTo({ ...question, ...wrong });
    expect(answer).toMatchObject({ status: 400, error: { param } });
    expect(answer.error.message).toContain(message);
    expectShortAndQuick(answer);
  });

  it('by the name of a model', async () => {
    const answer = await answerTo({ ...question, model: 'm'.repeat(4 * 2 ** 20) });
    expect(answer).toMatchObject({ status: 404, error: { param: 'model', code: 'model_not_found' } });
    expectShortAndQuick(answer);
  });

  it('by a field of a message that is an array in an array, and so on', async () => {
    // No object, as JSON.stringify cannot write it.
    const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`;
    const answer = await answerTo(`{"messages": [{"role": "user", "content": "Why?", "name": ${deep}}]}`);
    expect(answer).toMatchObject({ status: 400, error: { param: 'messages' } });
    expect(answer.error.message).toContain('messages[0].name has more than 100 levels');
    expectShortAndQuick(answer);
  });

  it.each([
    ['a message', 'chat/completions', (text: string) => ({ messages: [{ role: 'user', content: text }] }), 'messages'],
    ['text to go on with', 'completions', (text: string) => ({ prompt: text }), 'prompt'],
  ])('by %s that fits in no context', async (_, endpoint, body, param) => {
    const answer = await answerTo(body('some words <|im_end|>'.repeat(350_000)), endpoint);
    expect(answer).toMatchObject({ status: 400, error: { param, code: 'context_length_exceeded' } });
    expect(answer.error.message).toMatch(/the prompt has at least \d+ tokens, the context 4096/);
    expectShortAndQuick(answer);
  });
});
