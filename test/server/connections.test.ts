import dns from 'node:dns';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { below, uniforms } from '../../lib/random.js';
import { createServer } from '../../lib/server/index.js';
import { byteTokens, type ScriptedEngine, scriptedModel, turnsOfEventLoop } from '../support/scripted-engine.js';
import { Latch, post, question, serveScript, serveText, until } from './serving.js';

/** Says "!" for ever, at most one per turn of the event loop. */
const endless = { token: () => 0, beforeStepEnds: () => turnsOfEventLoop(1) };
const chat = '/v1/chat/completions';
/** In each event of a stream: few then fill what the system keeps for a caller that does not read. */
const largeEvents = { modelName: 'm'.repeat(20_000) };

const { messages } = question;

/** A caller that sends requests, all at once, and reads only when the test does. */
function caller(url: string, ...bodies: object[]): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.pause();
  const requests = bodies.map((body) => {
    const text = JSON.stringify(body);
    return `POST ${chat} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  });
  socket.write(requests.join(''));
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Waits until the engine has nothing to do any more; returns its steps until then. */
async function standstill(engine: ScriptedEngine): Promise<number> {
  for (let before = 0; ; before = engine.steps.length) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    if (before > 0 && engine.steps.length === before) return before;
  }
}

describe('a caller that goes away', () => {
  it.each([
    ['in the middle of a stream', true],
    ['while he waits for a whole answer', false],
  ])('%s ends what was done for him, and all its choices', async (_, stream) => {
    const { url, engine, model } = await serveScript(endless);
    const socket = caller(url, { ...question, stream, n: 2 });
    await until(() => engine.steps.length > 20);

    socket.destroy();

    await until(() => engine.freed.length === 2);
    expect(model.stats().scheduling).toMatchObject({ running: 0, waiting: 0, kvCacheTokensInUse: 0 });
    const { length } = engine.steps;
    await turnsOfEventLoop(50);
    expect(engine.steps.length).toBe(length);
  });

  it('while his prompt is read ends that too', async () => {
    const latch = new Latch();
    const { url, engine } = await serveScript({ token: () => 0, beforeStepEnds: () => latch.opened });
    const socket = caller(url, { ...question, stream: true });
    await until(() => engine.steps.length === 1);

    socket.destroy();
    await turnsOfEventLoop(20);
    latch.open();

    await until(() => engine.freed.length === 1);
    expect(engine.cancelled).toEqual([0]);
  });

  it('by the signal of the OpenAI client ends it as well', async () => {
    const { client, engine } = await serveScript(endless);
    const stream = await client.chat.completions.create({ ...question, stream: true });
    for await (const _ of stream) break;
    await until(() => engine.freed.length === 1);
  });
});

describe('a caller that sends requests before the answers to those before them have come', () => {
  it.each([
    ['streams', true],
    ['whole answers', false],
  ])('gets all of them: %s', async (_, stream) => {
    const { url } = await serveText('Hi');
    const socket = caller(url, ...[1, 2, 3].map((n) => ({ ...question, stream, n })));
    let read = '';
    socket.on('data', (data) => (read += data));
    socket.resume();
    await until(() => (read.match(/"finish_reason":"stop"/g) ?? []).length === 1 + 2 + 3);
    expect(read.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
  });

  it.each([
    ['streams', true],
    ['whole answers', false],
  ])('and goes away leaves nothing behind of all of them: %s', async (_, stream) => {
    const { url, server, engine, model } = await serveScript({ ...endless, limits: { maxSequences: 2 } });
    const socket = caller(url, ...new Array(3).fill({ ...question, stream }));
    await until(() => model.stats().scheduling.running + model.stats().scheduling.waiting === 3);

    socket.destroy();

    await until(() => model.stats().scheduling.running + model.stats().scheduling.waiting === 0);
    expect(model.stats().scheduling.kvCacheTokensInUse).toBe(0);
    expect(engine.freed).toHaveLength(2);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain(`moeflow_http_requests_total{route="${chat}",status="499"} 3`);
    const started = performance.now();
    await server.close(60);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('may send many, of which nobody is warned', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error) => void warnings.push(warning);
    process.on('warning', warn);
    onTestFinished(() => void process.off('warning', warn));
    const { url, model } = await serveScript(endless);
    const socket = caller(url, ...new Array(300).fill(question));
    await until(() => model.stats().scheduling.running + model.stats().scheduling.waiting === 300);
    socket.destroy();
    await until(() => model.stats().scheduling.running + model.stats().scheduling.waiting === 0);
    await turnsOfEventLoop(5);
    expect(warnings).toEqual([]);
  });
});

/** All that the first choice of a stream says. */
function streamed(events: string): string {
  return events
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice('data: '.length)).choices[0])
    .map((choice) => (choice.index === 0 ? (choice.delta.content ?? '') : ''))
    .join('');
}

describe('many callers, of which some go away at any time', () => {
  it('leave nothing behind, and the others get all of their text', async () => {
    const text = 'Because it is as it is, and has been so for long. '.repeat(3);
    // What comes next goes by all tokens so far: who pauses for others reads his own again, and goes on.
    let say = (_: number) => 0;
    const { url, model, engine } = await serveScript({
      token: (_, __, tokens) => say(tokens.length),
      beforeStepEnds: () => turnsOfEventLoop(1),
      limits: { maxSequences: 4, sequencesPerStep: 3 },
      contextLength: 512,
      kvCacheTokens: 640,
    });
    const spoken = byteTokens(model, text);
    const prompt = model.applyChatTemplate(question.messages).length;
    say = (read) => spoken[read - prompt] ?? (model.tokenizer.eosTokenId as number);
    const random = uniforms(7);
    const ask = async (i: number) => {
      const controller = new AbortController();
      const leave = i % 2 === 0 ? undefined : setTimeout(() => controller.abort(), 300 * random());
      try {
        const response = await fetch(url + chat, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ ...question, stream: i % 4 < 2, n: 1 + below(3, random) }),
          signal: controller.signal,
        });
        return await response.text();
      } catch {
        return undefined;
      } finally {
        clearTimeout(leave);
      }
    };

    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i)));

    expect(answers).toContain(undefined);
    answers.forEach((answer, i) => {
      if (i % 2 !== 0) return;
      if (i % 4 !== 0) expect(JSON.parse(answer as string).choices[0].message.content).toBe(text);
      else expect(streamed(answer as string)).toBe(text);
    });
    await until(() => model.stats().scheduling.running + model.stats().scheduling.waiting === 0);
    expect(model.stats().scheduling.kvCacheTokensInUse).toBe(0);
    expect(new Set(engine.freed).size).toBe(engine.freed.length);
  });
});

describe('a caller that does not read', () => {
  it('is waited for, in bounded memory, and holds up nobody else', async () => {
    const { url, engine, model, client } = await serveScript({ token: () => 0 }, largeEvents);
    const socket = caller(url, { messages, stream: true, ignore_eos: true });
    // Then the generation stands still.
    const before = await standstill(engine);
    const heap = () => {
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const standing = heap();

    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        client.completions.create({ model: largeEvents.modelName, prompt: [1], max_tokens: 300 }),
      ),
    );

    expect(answers.map(({ usage }) => usage?.completion_tokens)).toEqual(new Array(5).fill(300));
    expect(engine.steps.filter((step) => step.some(({ sequence }) => sequence === 0)).length).toBe(before);
    expect(heap() - standing).toBeLessThan(50e6);
    expect(model.stats().scheduling.running).toBe(1);

    // When he reads at last, it goes on.
    let read = 0;
    socket.on('data', (data) => (read += data.length));
    socket.resume();
    await until(() => read > 0 && engine.steps.length > before + 200);
  });

  it('is waited for before the first token too, while all choices are opened', async () => {
    const huge = { modelName: 'm'.repeat(300_000) };
    const { url, engine } = await serveScript({ ...endless, limits: { maxSequences: 128 } }, huge);
    caller(url, { messages, stream: true, n: 128 });
    await standstill(engine);
    // Nobody is far ahead of the first event.
    expect(engine.steps.length).toBeLessThan(200);
  });

  it('is not waited for longer than the server is told to', async () => {
    const { url, engine, model } = await serveScript({ token: () => 0 }, { ...largeEvents, stallSeconds: 0.5 });
    const socket = caller(url, { messages, stream: true });
    const closed = once(socket, 'close');
    await until(() => engine.freed.length === 1);
    expect(model.stats().scheduling).toMatchObject({ running: 0, waiting: 0, kvCacheTokensInUse: 0 });
    socket.on('error', () => {});
    socket.resume();
    await closed;
  });

  it('is another one than a caller to whom nothing comes, whom the server does not leave', async () => {
    const latch = new Latch();
    const { url } = await serveText('Hi', { beforeStepEnds: () => latch.opened }, { stallSeconds: 0.1 });
    const response = await post(url + chat, { ...question, stream: true });
    await new Promise((resolve) => setTimeout(resolve, 400));
    latch.open();
    expect(await response.text()).toContain('[DONE]');
  });

  it('and goes away leaves nothing behind', async () => {
    const { url, engine, model } = await serveScript({ token: () => 0 }, largeEvents);
    const socket = caller(url, { messages, stream: true });
    await standstill(engine);
    socket.destroy();
    await until(() => engine.freed.length === 1);
    expect(model.stats().scheduling).toMatchObject({ running: 0, kvCacheTokensInUse: 0 });
  });
});

describe('a server at localhost', () => {
  it('answers a request for another protocol as any other one, at each address that it listens on', async () => {
    bothLocal();
    const { model } = await scriptedModel({ token: () => 0 });
    const server = createServer(model, { modelName: 'local' });
    const url = await server.listen({ host: 'localhost', port: 0 });
    onTestFinished(() => server.close());
    const { port, hostname } = new URL(url);
    expect(hostname).toBe('localhost');
    const answers = await Promise.all(['127.0.0.1', '::1'].map((host) => upgrade(host, Number(port))));
    expect(answers.filter((answer) => answer !== 'refused')).toEqual(['200']);
  });
});

/** Has `localhost` mean both addresses of this machine, as it does on most. */
function bothLocal(): void {
  const addresses = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
  const lookup = (host: string, options: unknown, callback: unknown) => {
    const done = (callback ?? options) as (...found: unknown[]) => void;
    if ((options as { all?: boolean }).all) done(null, addresses);
    else done(null, ...(host === '::1' ? [host, 6] : ['127.0.0.1', 4]));
  };
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(lookup as never);
  onTestFinished(() => spy.mockRestore());
}

/** The status that a request with an `Upgrade` header gets. */
function upgrade(host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  onTestFinished(() => void socket.destroy());
  socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  return new Promise((resolve) => {
    socket.on('data', (data) => resolve(/^HTTP\/1\.1 (\d+)/.exec(String(data))?.[1] ?? ''));
    socket.on('error', () => resolve('refused'));
  });
}

describe('the end of a server', () => {
  it('lets those that are being answered come to their end, and takes no more', async () => {
    const latch = new Latch();
    const { url, server, client, engine } = await serveText('Because.', { beforeStepEnds: () => latch.opened });
    const answer = client.chat.completions.create(question);
    await until(() => engine.steps.length === 1);

    const closing = server.close(60);

    const health = await fetch(`${url}/health`);
    expect([health.status, ((await health.json()) as { status: string }).status]).toEqual([503, 'shutting_down']);
    const refused = await post(url + chat, question);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { type: 'server_error', code: 'shutting_down' } });
    latch.open();
    expect((await answer).choices[0]?.message.content).toBe('Because.');
    await closing;
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it('ends those that take too long, and tells them', async () => {
    const { url, server, engine, client } = await serveScript(endless);
    const stream = post(url + chat, { ...question, stream: true });
    const whole = client.chat.completions.create(question).catch((error) => error);
    await until(() => engine.steps.length > 20);

    await server.close(0.05);

    const events = (await (await stream).text()).trim().split('\n\n');
    expect(JSON.parse((events.at(-1) as string).replace('data: ', ''))).toEqual({
      error: { message: 'the server is shutting down', type: 'server_error', param: null, code: 'shutting_down' },
    });
    expect(await whole).toMatchObject({ status: 503, code: 'shutting_down' });
    await until(() => engine.freed.length === 2);
  });

  it('does not wait for one that does not read', async () => {
    const { url, server, engine } = await serveScript({ token: () => 0 }, largeEvents);
    caller(url, { messages, stream: true });
    await until(() => engine.steps.length > 100);
    await server.close(0);
    await until(() => engine.freed.length === 1);
  });

  it('may be asked for twice', async () => {
    const { server } = await serveText('!');
    await Promise.all([server.close(), server.close()]);
    await server.close();
  });
});

describe('a stream', () => {
  it('is made of events as browsers read them, and ends with [DONE]', async () => {
    const { url } = await serveText('Hi');
    const response = await post(url + chat, { ...question, stream: true });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toContain('no-cache');
    const text = await response.text();
    const events = text.split('\n\n');
    expect(events.pop()).toBe('');
    expect(events.every((event) => /^data: [^\n]+$/.test(event))).toBe(true);
    expect(events.at(-1)).toBe('data: [DONE]');
    for (const event of events.slice(0, -1)) expect(JSON.parse(event.slice('data: '.length))).toBeTypeOf('object');
  });

  it('says that it is alive while nothing comes, so that no proxy closes it, and clients read on', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const latch = new Latch();
    const { url, client } = await serveText('Hi', { beforeStepEnds: () => latch.opened });
    const raw = await post(url + chat, { ...question, stream: true });
    const stream = await client.chat.completions.create({ ...question, stream: true });

    vi.advanceTimersByTime(30_000);
    latch.open();

    expect((await raw.text()).match(/^: .+\n\n/gm)).toHaveLength(2);
    let text = '';
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    expect(text).toBe('Hi');
  });

  it('begins before the first token has come', async () => {
    const latch = new Latch();
    const { url } = await serveText('Hi', { beforeStepEnds: () => latch.opened });
    const response = await post(url + chat, { ...question, stream: true });
    expect(response.status).toBe(200);
    latch.open();
    expect(await response.text()).toContain('[DONE]');
  });
});
