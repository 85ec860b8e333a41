import { connect, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { TokenType } from '../../lib/tokenizer/index.js';
import { turnsOfEventLoop } from '../support/scripted-engine.js';
import { Latch, post, question, serveScript, serveText, until } from './serving.js';

const ask = (client: OpenAI, more: object = {}) => client.chat.completions.create({ ...question, ...more } as never);
const errorOf = (asked: Promise<unknown>) =>
  asked.then(
    () => expect.unreachable('there was no error'),
    (error) => error,
  );

describe('errors become those of the OpenAI client', () => {
  it('another model: NotFoundError', async () => {
    const { client } = await serveText('!');
    const error = await errorOf(ask(client, { model: 'gpt-5' }));
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    expect(error.message).toContain('the model "gpt-5" does not exist here; "scripted" does');
  });

  it('another endpoint: NotFoundError', async () => {
    const { client } = await serveText('!');
    const error = await errorOf(client.embeddings.create({ model: 'scripted', input: 'a' }));
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ code: 'unknown_route', type: 'invalid_request_error' });
    expect(error.message).toContain('there is no POST /v1/embeddings');
  });

  it('a prompt longer than the context: BadRequestError, context_length_exceeded', async () => {
    const { client } = await serveText('!', { contextLength: 16 });
    const error = await errorOf(ask(client, { messages: [{ role: 'user', content: 'word '.repeat(100) }] }));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
    expect(error.message).toMatch(/the prompt has \d+ tokens, the context 16/);
  });

  it('a conversation that the chat template refuses: BadRequestError, with its reason', async () => {
    const { client, model } = await serveText('!');
    const source = "{{ raise_exception('roles must alternate') }}";
    (model.metadata as Record<string, unknown>)['tokenizer.chat_template'] = source;
    const error = await errorOf(ask(client));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ code: 'chat_template_failed', param: 'messages' });
    expect(error.message).toContain('roles must alternate');
  });

  it.each<[string, (metadata: Record<string, unknown>) => void, object, string, RegExp]>([
    [
      'text for a model whose vocabulary is of another kind',
      (metadata) => (metadata['tokenizer.ggml.model'] = 'bert'),
      {},
      'messages',
      /"bert", which is not supported/,
    ],
    [
      'JSON from a model that has no token for a brace',
      (metadata) => {
        const types = [...(metadata['tokenizer.ggml.token_type'] as Int32Array)];
        types[(metadata['tokenizer.ggml.tokens'] as string[]).indexOf('{')] = TokenType.Control;
        metadata['tokenizer.ggml.token_type'] = types;
      },
      { response_format: { type: 'json_object' } },
      'response_format',
      /no token for \{ alone/,
    ],
  ])('%s: BadRequestError, unsupported', async (_, change, more, param, message) => {
    const { client, model } = await serveScript({ token: () => 0 });
    change(model.metadata as Record<string, unknown>);
    const error = await errorOf(ask(client, more));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, code: 'unsupported', param });
    expect(error.message).toMatch(message);
  });

  it('a full queue: RateLimitError, with when to try again, and nothing of it goes on', async () => {
    const latch = new Latch();
    const { client, model } = await serveText('!', {
      limits: { maxSequences: 1, maxQueued: 2 },
      beforeStepEnds: () => latch.opened,
    });
    const begun = ask(client);
    await until(() => model.stats().scheduling.running === 1);
    const waiting = ask(client);
    await until(() => model.stats().scheduling.waiting === 1);

    // There is room for one of the two.
    const error = await errorOf(ask(client, { n: 2 }));

    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ status: 429, code: 'queue_full', type: 'rate_limit_error' });
    expect(error.headers.get('retry-after')).toBe('1');
    const instead = ask(client);
    latch.open();
    for (const answer of [begun, waiting, instead]) {
      expect(((await answer) as OpenAI.ChatCompletion).choices[0]?.message.content).toBe('!');
    }
  });

  it('a step that fails: InternalServerError, of which the server is told more than the caller', async () => {
    const failures: unknown[] = [];
    const { client } = await serveText(
      '!',
      {
        beforeStepEnds: () =>
          Promise.reject(Object.assign(new Error('/secret/model.gguf is unreadable'), { code: 'IO' })),
      },
      { onError: (error) => failures.push(error) },
    );
    const error = await errorOf(ask(client));
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error).toMatchObject({ status: 500, code: 'io', type: 'server_error' });
    expect(error.message).not.toContain('secret');
    expect(failures).toMatchObject([{ code: 'IO', message: '/secret/model.gguf is unreadable' }]);
  });

  it('an engine that takes the server for wrong: no fault of the caller', async () => {
    const { client } = await serveText('!', {
      beforeStepEnds: () => Promise.reject(Object.assign(new Error('no tokens'), { code: 'INVALID_ARGUMENT' })),
    });
    expect(await errorOf(ask(client))).toMatchObject({ status: 500, code: 'invalid_argument', type: 'server_error' });
  });

  it('a failure in the middle of a stream: its last event', async () => {
    const failures: unknown[] = [];
    const { client } = await serveText(
      'Because.',
      {
        beforeStepEnds: (step) =>
          step === 3 ? Promise.reject(Object.assign(new Error('no memory'), { code: 'OUT_OF_MEMORY' })) : undefined,
      },
      { onError: (error) => failures.push(error) },
    );
    const stream = await client.chat.completions.create({ ...question, stream: true });
    let text = '';
    const reading = (async () => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    })();

    const error = await errorOf(reading);

    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ code: 'out_of_memory', type: 'server_error' });
    expect(text).toBe('Bec');
    expect(failures).toMatchObject([{ code: 'OUT_OF_MEMORY' }]);
  });

  it('a model that was disposed of: 503', async () => {
    const { client, model } = await serveText('!');
    await model.dispose();
    expect(await errorOf(ask(client))).toMatchObject({ status: 503, code: 'shutting_down' });
  });

  it('one choice that fails ends the others', async () => {
    let steps = 0;
    const { client, engine } = await serveScript({
      token: () => 0,
      beforeStepEnds: () => {
        steps++;
        return steps === 5 ? Promise.reject(Object.assign(new Error('no'), { code: 'IO' })) : turnsOfEventLoop(1);
      },
      limits: { sequencesPerStep: 1 },
    });
    await errorOf(ask(client, { n: 3 }));
    await until(() => engine.freed.length === 3);
  });
});

describe('a body', () => {
  const chat = '/v1/chat/completions';
  const answerTo = async (body: string, headers: Record<string, string> = {}) => {
    const { url } = await serveText('!', {}, { bodyLimit: '1KiB' });
    const response = await post(url + chat, body, headers);
    return { status: response.status, ...((await response.json()) as { error: OpenAI.ErrorObject }).error };
  };

  it('that is too large is 413', async () => {
    expect(await answerTo(JSON.stringify({ ...question, user: 'x'.repeat(2000) }))).toMatchObject({
      status: 413,
      type: 'invalid_request_error',
      code: 'body_too_large',
    });
  });

  it.each<[string, string, string]>([
    ['cut off', '{"messages": [', 'JSON'],
    ['empty', '', 'the body is empty'],
    ['a list', '[]', 'the body must be a JSON object, is an array'],
    ['null', 'null', 'the body must be a JSON object'],
    ['out to poison prototypes', '{"__proto__": {"a": 1}}', ''],
  ])('that is %s is 400, with what is wrong', async (_, body, message) => {
    const answer = await answerTo(body);
    expect(answer).toMatchObject({ status: 400, type: 'invalid_request_error' });
    expect(answer.message).toContain(message);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'as any page could send it (%s) is 415: it must be called JSON',
    async (type) => {
      expect(await answerTo(JSON.stringify(question), { 'content-type': type })).toMatchObject({
        status: 415,
        message: 'send the body as JSON, with the header "Content-Type: application/json"',
      });
    },
  );
});

describe('a path', () => {
  it.each([
    ['that there is not', 'GET', '/v2/models'],
    ['that another method has', 'GET', '/v1/completions'],
    ['that is none', 'GET', '/%zz'],
  ])('%s is an error in the same form', async (_, method, path) => {
    const { url } = await serveText('!');
    const response = await fetch(url + path, { method });
    expect(response.status).toBeOneOf([400, 404]);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', param: null } });
  });
});

describe('what is no request', () => {
  const head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
  /** All that a server says to a text before it closes the connection. */
  async function said(text: string, prepare: (app: FastifyInstance) => void = () => {}): Promise<string> {
    const { url, server } = await serveText('!');
    prepare(server.app);
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
    socket.write(text);
    let answer = '';
    for await (const data of socket) answer += data;
    return answer;
  }
  const errorIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).error;

  it.each<[string, string, number, string]>([
    ['is no HTTP', 'Hello!\r\n\r\n', 400, 'the request is no HTTP/1.1: Invalid method encountered'],
    ['has too large headers', `GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, 431, 'the headers are larger'],
    [
      'has a body in pieces of no size',
      `${head}Transfer-Encoding: chunked\r\n\r\nno\r\n`,
      400,
      'the request is no HTTP/1.1',
    ],
  ])('as it %s, gets an error in the same form', async (_, text, status, message) => {
    const answer = await said(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(errorIn(answer)).toMatchObject({ type: 'invalid_request_error', param: null, code: null });
    expect(errorIn(answer).message).toContain(message);
  });

  it('as it does not come to its end, gets one too', async () => {
    const late = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    const answer = await said('GET / HTTP', ({ server }) => {
      server.once('connection', (socket: Socket) => setTimeout(() => server.emit('clientError', late, socket), 50));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(errorIn(answer).message).toContain('took too long to come');
  });

  it('is not taken for the answer to the request before it', async () => {
    const latch = new Latch();
    const { url } = await serveText('!', { beforeStepEnds: () => latch.opened });
    const body = JSON.stringify(question);
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}Hello!\r\n\r\n`);
    let answer = '';
    for await (const data of socket) answer += data;
    latch.open();
    expect(answer).toBe('');
  });
});
