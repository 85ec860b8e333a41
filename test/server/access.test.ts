import { request } from 'node:http';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { createServer } from '../../lib/server/index.js';
import { scriptedModel } from '../support/scripted-engine.js';
import { clientOf, post, question, serveText } from './serving.js';

const key = 'sk-secret';
const basic = (password: string) => `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;

/** The status of an answer to a request for another name than the server's address. */
function statusFor(url: string, host: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/v1/models`, { headers: { ...headers, host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', reject).end();
  });
}

describe('with an API key', () => {
  it('who shows it is answered, and others are AuthenticationErrors', async () => {
    const { url, client } = await serveText('Because.', {}, { apiKey: key });
    expect((await client.chat.completions.create(question)).choices[0]?.message.content).toBe('Because.');
    for (const wrong of ['sk-secre', 'sk-secret1', 'SK-SECRET', 'x']) {
      const error = await clientOf(url, wrong)
        .models.list()
        .catch((thrown) => thrown);
      expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
      expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' });
    }
  });

  it.each(['/v1/models', '/v1/nothing', '/metrics', '/status.json', '/'])('%s needs it', async (path) => {
    const { url } = await serveText('!', {}, { apiKey: key });
    const without = await fetch(url + path);
    expect(without.status).toBe(401);
    expect(without.headers.get('www-authenticate')).toMatch(/^(Bearer|Basic)/);
    const shown = await fetch(url + path, { headers: { authorization: `Bearer ${key}` } });
    expect(shown.status).toBeOneOf([200, 404]);
  });

  it('/health does not', async () => {
    const { url } = await serveText('!', {}, { apiKey: key });
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ok' });
  });

  it('pages for people take it as a password, which browsers ask for; the API does not', async () => {
    const { url } = await serveText('!', {}, { apiKey: key });
    const status = async (path: string, password: string) =>
      (await fetch(url + path, { headers: { authorization: basic(password) } })).status;
    expect(await status('/', key)).toBe(200);
    expect(await status('/status.json', key)).toBe(200);
    expect(await status('/metrics', key)).toBe(200);
    expect(await status('/', 'wrong')).toBe(401);
    expect(await status('/v1/models', key)).toBe(401);
  });

  it('is asked for before a body is looked at', async () => {
    const { url } = await serveText('!', {}, { apiKey: key });
    expect((await post(`${url}/v1/chat/completions`, '{ no JSON')).status).toBe(401);
  });
});

describe('without an API key', () => {
  it('on this machine, only its own names are answered: a page may have a name of its own point here', async () => {
    const { url } = await serveText('!');
    const { port } = new URL(url);
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, 'LOCALHOST', 'a.localhost']) {
      expect(await statusFor(url, host), host).toBe(200);
    }
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example']) {
      expect(await statusFor(url, host), host).toBe(403);
    }
  });

  it('with one, every name is', async () => {
    const { url } = await serveText('!', {}, { apiKey: key });
    expect(await statusFor(url, 'models.example', { authorization: `Bearer ${key}` })).toBe(200);
  });
});

describe('pages of other origins', () => {
  const page = 'https://page.example';
  const preflight = (url: string, origin = page) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-stainless-os',
      },
    });
  const allowed = (response: Response) => response.headers.get('access-control-allow-origin');

  it('may not call unless they are named', async () => {
    const { url } = await serveText('!');
    const response = await preflight(url);
    expect([response.status, allowed(response)]).toEqual([404, null]);
    expect(allowed(await post(`${url}/v1/chat/completions`, question, { origin: page }))).toBe(null);
  });

  it('may call if they are, with the headers of their client, streams and errors included', async () => {
    const { url } = await serveText('!', {}, { cors: page, apiKey: key });
    const response = await preflight(url);
    expect([response.status, allowed(response)]).toEqual([204, page]);
    expect(response.headers.get('access-control-allow-methods')).toContain('POST');
    expect(response.headers.get('access-control-allow-headers')).toBe('authorization,content-type,x-stainless-os');
    const headers = { origin: page, authorization: `Bearer ${key}` };
    const chat = `${url}/v1/chat/completions`;
    expect(allowed(await post(chat, { ...question, stream: true }, headers))).toBe(page);
    const wrong = await post(chat, {}, headers);
    expect([wrong.status, allowed(wrong)]).toEqual([400, page]);
    const unknown = await post(chat, question, { origin: page });
    expect([unknown.status, allowed(unknown)]).toEqual([401, page]);
    expect(allowed(await preflight(url, 'https://other.example'))).toBe(null);
    expect((await preflight(url)).headers.get('vary')).toBe('Origin');
  });

  it('may all call with "*"', async () => {
    const { url } = await serveText('!', {}, { cors: '*' });
    expect(allowed(await preflight(url))).toBe('*');
  });
});

describe('options of a server', () => {
  it.each<[object, string]>([
    [{ apiKey: '' }, 'apiKey is empty'],
    [{ cors: 'page.example' }, 'cors must be an origin such as https://example.org'],
    [{ cors: 'https://page.example/' }, 'did you mean https://page.example?'],
    [{ cors: ['https://page.example', 'null'] }, 'cors must be an origin'],
    [{ bodyLimit: 'much' }, 'bodyLimit must be a number of bytes'],
    [{ stallSeconds: 0 }, 'stallSeconds must be a number from 0.1 to 86400, is 0'],
    [{ modelname: 'a' }, 'unknown option modelname; did you mean modelName?'],
  ])('that are wrong are refused: %j', async (options, message) => {
    const { model } = await scriptedModel({ token: () => 0 });
    expect(() => createServer(model, options)).toThrow(message);
  });
});
