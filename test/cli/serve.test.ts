import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { demo, moeflow, type RunningCommand, start } from './command.js';

/** Starts the server on a free port, and waits for the line that says where it is. */
async function serve(more: string[] = [], environment: NodeJS.ProcessEnv = {}) {
  const command = start(['serve', ...demo, '--port', '0', '--threads', '2', ...more], environment, 25);
  onTestFinished(() => void command.process.kill('SIGKILL'));
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    command.process.stderr.on('data', (text: string) => {
      said += text;
      const address = /^moeflow: serving \S+ at (http:\S+)$/m.exec(said)?.[1];
      if (address) resolve(address);
    });
    command.ended.then(() => reject(new Error(`it has ended: ${said}`)));
  });
  return { command, url };
}

const chat = (url: string, more: object = {}, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], max_tokens: 4, ...more }),
  });

async function endOf({ process, ended }: RunningCommand, signal: NodeJS.Signals) {
  process.kill(signal);
  return ended;
}

describe('moeflow serve', () => {
  it('says where it is, answers, and ends in order at a signal', async () => {
    const { command, url } = await serve();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const answer = (await (await chat(url)).json()) as { model: string; usage: { completion_tokens: number } };
    expect(answer).toMatchObject({ model: 'moeflow-demo-q8_0', usage: { completion_tokens: 4 } });

    const ended = await endOf(command, 'SIGTERM');

    expect(ended).toMatchObject({ code: 0, signal: null, output: '' });
    expect(ended.errors).toBe(`moeflow: serving moeflow-demo-q8_0 at ${url}\n`);
  });

  it('lets an answer come to its end first', async () => {
    const { command, url } = await serve();
    const response = await chat(url, { stream: true, max_tokens: 200, ignore_eos: true });
    const ended = endOf(command, 'SIGINT');
    expect((await response.text()).trim().endsWith('data: [DONE]')).toBe(true);
    expect(await ended).toMatchObject({ code: 0, signal: null });
  });

  it('ends an answer that takes longer than --shutdown-time', async () => {
    const { command, url } = await serve(['--shutdown-time', '0.1', '--cpu', 'reference']);
    const response = await chat(url, { stream: true, max_tokens: 2000, ignore_eos: true });
    const ended = endOf(command, 'SIGTERM');
    expect(await response.text()).toContain('"code":"shutting_down"');
    expect(await ended).toMatchObject({ code: 0, signal: null });
  });

  it('ends at once at a second signal', async () => {
    const { command, url } = await serve(['--cpu', 'reference']);
    const response = await chat(url, { stream: true, max_tokens: 2000, ignore_eos: true });
    command.process.kill('SIGTERM');
    while ((await fetch(`${url}/health`)).status !== 503);
    const sent = performance.now();
    expect(await endOf(command, 'SIGTERM')).toMatchObject({ code: 143, signal: null });
    expect(performance.now() - sent).toBeLessThan(3000);
    await response.text().catch(() => {});
  });

  it('wants the API key of MOEFLOW_API_KEY, and calls the model by its name', async () => {
    const { url } = await serve(['--model-name', 'demo', '--max-sequences', '2', '--max-queued', '5'], {
      MOEFLOW_API_KEY: 'secret',
    });
    expect((await chat(url)).status).toBe(401);
    const answer = await chat(url, { model: 'demo' }, { authorization: 'Bearer secret' });
    expect(await answer.json()).toMatchObject({ model: 'demo' });
  });

  it('warns where anybody can reach it and no key is asked for', async () => {
    const { command } = await serve(['--host', '0.0.0.0']);
    const { errors } = await endOf(command, 'SIGTERM');
    expect(errors).toMatch(
      /^moeflow: warning: whoever can reach 0\.0\.0\.0 can use the model; --api-key would prevent that$/m,
    );
  });
});

describe('moeflow serve on a wrong command line', () => {
  it.each<[string, string[], string]>([
    ['no model', [], 'no model: give one with --model FILE'],
    ['a port that there is not', [...demo, '--port', '70000'], 'It must be an integer from 0 to 65535.'],
    ['an empty key', [...demo, '--api-key', ''], 'the API key is empty'],
    ['an origin that is none', [...demo, '--cors', 'example.org'], 'It must be an origin such as https://example.org'],
    ['a body without a size', [...demo, '--body-limit', 'big'], 'It must be a size'],
    ['no sequences', [...demo, '--max-sequences', '0'], 'It must be an integer from 1 to'],
    ['a misspelt flag', [...demo, '--prot', '1'], 'Did you mean --port?'],
  ])('%s ends with 2', async (_, words, message) => {
    const { code, output, errors } = await moeflow(['serve', ...words]);
    expect([code, output]).toEqual([2, '']);
    expect(errors).toContain(message);
  });

  it('a port that is taken ends with 1 before the model is loaded', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const { code, errors } = await moeflow(['serve', '--model', '/nowhere.gguf', '--port', String(port)]);
    expect(code).toBe(1);
    expect(errors).toBe(`moeflow: port ${port} of 127.0.0.1 is taken: choose another one with --port\n`);
  });

  it('help names the flags and shows examples', async () => {
    const { code, output } = await moeflow(['help', 'serve']);
    expect(code).toBe(0);
    for (const part of ['--api-key', '--stall-time', '--max-queued', '--ram', 'MOEFLOW_API_KEY', 'Examples:', 'curl']) {
      expect(output).toContain(part);
    }
  });
});
