import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { type AppOptions, buildApp } from '../../src/app.js';
import type { Database } from '../../src/db/client.js';
import { signToken } from '../../src/development/token.js';
import { createDatabase, openDatabase } from './database.js';
import { beforeDeadline } from './wait.js';

export const SECRET = 'a secret that is only used by the tests';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  /** the body as sent */
  text: string;
  /** the body parsed, undefined when it is empty */
  json: unknown;
}

export interface Send {
  method: 'GET' | 'HEAD' | 'OPTIONS' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  /** sent as JSON; a string, bytes and a stream, which has no length, are sent as they are */
  body?: unknown;
  headers?: Record<string, string>;
}

/** A caller with a token. */
export interface Client {
  subject: string;
  /** the header with the token */
  authorization: string;
  send(request: Send): Promise<Answer>;
  get(path: string): Promise<Answer>;
  post(path: string, body?: unknown): Promise<Answer>;
  put(path: string, body: unknown): Promise<Answer>;
  patch(path: string, body: unknown): Promise<Answer>;
  /** PATCH with the content type of RFC 7396 */
  mergePatch(path: string, body: unknown): Promise<Answer>;
  delete(path: string): Promise<Answer>;
}

export interface Service {
  app: FastifyInstance;
  db: Database;
  databaseUrl: string;
  /** @param scope the `scope` claim, absent for a token without one */
  as(subject: string, scope?: string): Promise<Client>;
  /** sends without a token */
  send(request: Send): Promise<Answer>;
}

function isRaw(body: unknown): body is string | Buffer | Readable {
  return typeof body === 'string' || Buffer.isBuffer(body) || body instanceof Readable;
}

/** Starts the application as the server runs it, on a database of its own. */
export async function startService(
  t: Test,
  options: Partial<AppOptions> & { databaseUrl?: string } = {},
): Promise<Service> {
  const databaseUrl = options.databaseUrl ?? (await createDatabase(t));
  const db = options.db ?? openDatabase(t, databaseUrl);
  const app = await buildApp({
    token: { key: SECRET, issuer: null, audience: null },
    ...options,
    db,
  });
  t.teardown(() => app.close());

  async function send({ method, path, body, headers }: Send): Promise<Answer> {
    const injected = app.inject({
      method,
      url: path,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && {
        payload: isRaw(body) ? body : JSON.stringify(body),
      }),
    });
    const response = await beforeDeadline(
      `the response to ${method} ${path.slice(0, 100)}`,
      injected,
    );
    const isJson = String(response.headers['content-type']).includes('json');
    const text = response.body;
    return {
      status: response.statusCode,
      headers: response.headers,
      text,
      json: isJson && text !== '' ? JSON.parse(text) : undefined,
    };
  }

  return {
    app,
    db,
    databaseUrl,
    send,
    async as(subject, scope) {
      const token = await signToken(SECRET, { subject, scope, expiresIn: '1 hour' });
      const authorization = `Bearer ${token}`;
      const sendAs = (request: Send) =>
        send({ ...request, headers: { authorization, ...request.headers } });
      return {
        subject,
        authorization,
        send: sendAs,
        get: (path) => sendAs({ method: 'GET', path }),
        post: (path, body) => sendAs({ method: 'POST', path, body }),
        put: (path, body) => sendAs({ method: 'PUT', path, body }),
        patch: (path, body) => sendAs({ method: 'PATCH', path, body }),
        mergePatch: (path, body) =>
          sendAs({
            method: 'PATCH',
            path,
            body,
            headers: { 'content-type': 'application/merge-patch+json' },
          }),
        delete: (path) => sendAs({ method: 'DELETE', path }),
      };
    },
  };
}
