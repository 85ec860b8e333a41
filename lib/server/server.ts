/** The HTTP server: its routes, and what comes before and after each of them. */

import type { AddressInfo } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Model } from '../model/model.js';
import { checkAccess } from './access.js';
import { oneAddress } from './address.js';
import { answerChat } from './chat.js';
import { answerClientError } from './client-errors.js';
import { answerCompletion } from './completions.js';
import type { ServerContext } from './context.js';
import { corsHeaders, preflightHeaders } from './cors.js';
import { ApiError, errorBody, toApiError } from './errors.js';
import { History } from './history.js';
import { HttpCounts } from './http-counts.js';
import { Latencies } from './latencies.js';
import { metrics } from './metrics.js';
import { metricsContentType } from './metrics-text.js';
import { modelList, modelNamed } from './models.js';
import { RunningRequests } from './running-requests.js';
import { type ServerOptions, serverSettings } from './settings.js';
import { lookAtModel, serverStatus } from './status.js';
import { statusPage } from './status-page.js';

/** Milliseconds that a caller has to send a request; answering it takes as long as it takes. */
const requestTimeout = 60_000;
/** Seconds in which those that were ended at the server's end may still be told so. */
const farewellSeconds = 1;

export interface ListenOptions {
  /** Address or name to listen on. Default "127.0.0.1": callers on this machine alone. */
  host?: string;
  /** Default 8080; 0 for one that is free. */
  port?: number;
}

/**
 * An OpenAI-compatible server for a model, which stays the caller's to dispose of.
 *
 * @throws InvalidArgumentError for a wrong option
 */
export function createServer(model: Model, options: ServerOptions = {}): ModelServer {
  return new ModelServer({
    model,
    settings: serverSettings(options, model.info),
    requests: new RunningRequests(),
    latencies: new Latencies(),
    httpCounts: new HttpCounts(),
    history: new History(() => lookAtModel(model)),
    started: Date.now(),
  });
}

export class ModelServer {
  /** For further routes, and for tests without a network. */
  readonly app: FastifyInstance;
  readonly #context: ServerContext;

  /** @internal */
  constructor(context: ServerContext) {
    this.#context = context;
    this.app = fastify({
      bodyLimit: context.settings.bodyLimit,
      requestTimeout,
      forceCloseConnections: true,
      clientErrorHandler: answerClientError,
      // Errors of Fastify before a route is found, as of a path that is no URL.
      frameworkErrors: (error, _request, reply) => sendError(context, error, reply),
    });
    addRoutes(this.app, context);
  }

  get modelName(): string {
    return this.#context.settings.modelName;
  }

  /** Resolves with the server's URL. Rejects with what the system says, such as EADDRINUSE. */
  async listen({ host = '127.0.0.1', port = 8080 }: ListenOptions = {}): Promise<string> {
    await this.app.listen({ host: await oneAddress(host), port });
    const { port: chosen } = this.app.server.address() as AddressInfo;
    return `http://${host.includes(':') ? `[${host}]` : host}:${chosen}`;
  }

  /**
   * Ends the server. New requests get 503 from now on; those that are being answered have so many seconds, 0 by default, before
   * they are ended too. Safe to call again.
   */
  async close(graceSeconds = 0): Promise<void> {
    const { requests, history } = this.#context;
    await requests.drain(graceSeconds);
    requests.abortAll();
    await requests.drain(farewellSeconds);
    history.stop();
    await this.app.close();
  }
}

function addRoutes(app: FastifyInstance, context: ServerContext): void {
  const { model, requests } = context;
  // What a form or plain text can send, any page can.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (request, reply) => beforeRoute(context, request, reply));
  app.setErrorHandler((error, _request, reply) => sendError(context, error, reply));
  app.setNotFoundHandler((request) => {
    const path = request.url.split('?')[0];
    throw new ApiError(
      404,
      `there is no ${request.method} ${path}; there are POST /v1/chat/completions, POST /v1/completions and GET /v1/models`,
      { code: 'unknown_route' },
    );
  });

  app.post('/v1/chat/completions', (request, reply) => answerChat(context, request.body, reply));
  app.post('/v1/completions', (request, reply) => answerCompletion(context, request.body, reply));
  app.get('/v1/models', () => modelList(context));
  app.get('/v1/models/*', (request) => modelNamed(context, (request.params as { '*': string })['*']));
  app.get('/health', (_request, reply) => {
    reply.status(requests.closing ? 503 : 200);
    const { running, waiting } = model.stats().scheduling;
    return { status: requests.closing ? 'shutting_down' : 'ok', running, waiting };
  });
  app.get('/metrics', (_request, reply) => reply.type(metricsContentType).send(metrics(context)));
  app.get('/status.json', (request, reply) => {
    const { since } = request.query as { since?: string };
    reply.header('cache-control', 'no-store');
    return serverStatus(context, Number(since) || 0);
  });
  app.get('/', (_request, reply) => {
    const { html, contentSecurityPolicy } = statusPage(context);
    reply.header('content-security-policy', contentSecurityPolicy).type('text/html; charset=utf-8').send(html);
  });
}

const open = ['/health'];
const forPeople = ['/', '/status.json', '/metrics'];

function beforeRoute(context: ServerContext, request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
  const { settings, httpCounts, requests } = context;
  const { authorization, host, origin } = request.headers;
  const route = request.routeOptions.url;
  httpCounts.count(route, reply.raw);
  reply.headers({ 'x-content-type-options': 'nosniff', ...corsHeaders(origin, settings.cors) });
  // Whoever keeps his connection would keep the server from ending.
  if (requests.closing) reply.header('connection', 'close');
  const wants = request.headers['access-control-request-headers'];
  if (request.method === 'OPTIONS' && settings.cors.length > 0) {
    return reply.status(204).headers(preflightHeaders(wants)).send();
  }
  if (open.includes(route ?? '')) return;
  const { localAddress } = request.socket;
  checkAccess({ authorization, host, localAddress, forPeople: forPeople.includes(route ?? '') }, settings.apiKey);
  return;
}

function sendError({ settings }: ServerContext, thrown: unknown, reply: FastifyReply): void {
  const error = toApiError(thrown);
  if (error.status === 500) settings.onError(error.cause ?? error);
  reply.status(error.status).headers(error.headers).send(errorBody(error));
}
