/** Servers for tests: of a model whose engine follows a script, with the client that most callers use. */

import OpenAI from 'openai';
import { onTestFinished } from 'vitest';
import type { Model } from '../../lib/index.js';
import { createServer, type ModelServer, type ServerOptions } from '../../lib/server/index.js';
import { byteTokens, type Script, type ScriptedEngine, scriptedModel } from '../support/scripted-engine.js';

export const modelName = 'scripted';

export interface Serving {
  url: string;
  server: ModelServer;
  client: OpenAI;
}

export interface ScriptedServing extends Serving {
  model: Model;
  engine: ScriptedEngine;
}

/** Serves a model for the running test, on a free port. */
export async function serve(model: Model, options: ServerOptions = {}): Promise<Serving> {
  const server = createServer(model, { modelName, ...options });
  const url = await server.listen({ port: 0 });
  onTestFinished(async () => {
    await server.close();
    await model.dispose();
  });
  return { url, server, client: clientOf(url, options.apiKey) };
}

/** Without retries, which would hide errors. */
export function clientOf(url: string, apiKey = 'none'): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
}

export async function serveScript(script: Script, options: ServerOptions = {}): Promise<ScriptedServing> {
  const { model, engine } = await scriptedModel(script);
  return { model, engine, ...(await serve(model, options)) };
}

/** Whatever is asked, it says this text, a byte per token, and ends. */
export async function serveText(
  text: string,
  script: Partial<Script> = {},
  options: ServerOptions = {},
): Promise<ScriptedServing> {
  let tokens: number[] = [];
  let end = 0;
  const serving = await serveScript({ token: (generated) => tokens[generated] ?? end, ...script }, options);
  tokens = byteTokens(serving.model, text);
  end = serving.model.tokenizer.eosTokenId as number;
  return serving;
}

export const question = { model: modelName, messages: [{ role: 'user' as const, content: 'Why?' }] };

/** Something that can be waited for. */
export class Latch {
  readonly opened: Promise<void>;
  open: () => void = () => {};

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** Waits until something holds; fails by the test's own time limit if it never does. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Sends a body as it is. */
export function post(url: string, body: string | object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}
