import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import {
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type onSendHookHandler,
} from 'fastify';
import fp from 'fastify-plugin';
import postgres from 'postgres';
import { quotesCaller } from '../../db/errors.js';

import { SUBJECT_MAX_LENGTH } from '../conventions/schemas.js';

declare module 'fastify' {
  interface FastifyReply {
    /** the paths of what was made, where it is more than `Location` can say; for the audit */
    created: readonly string[] | null;
  }
}

export const REQUEST_ID = 'x-request-id';
const acceptedRequestId = /^[\w.:/+=-]{1,128}$/;

/** @returns the caller's id for the request where it is a plain one, otherwise a new one */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[REQUEST_ID];
  return typeof given === 'string' && acceptedRequestId.test(given) ? given : randomUUID();
}

/** What the log may hold of an error: PostgreSQL's `detail` and `where` quote the caller's data. */
export function serializeError(error: Error): Record<string, unknown> {
  const { cause } = error;
  const message = shorten(quotesCaller(error) ? 'A statement failed' : error.message);
  const frames = /\n {4}at .*$/s.exec(error.stack ?? '')?.[0] ?? '';
  return {
    type: error.name,
    message,
    stack: `${error.name}: ${message}${frames}`,
    ...(error instanceof postgres.PostgresError && {
      sqlState: error.code,
      constraint: error.constraint_name,
    }),
    ...(cause instanceof Error && { cause: serializeError(cause) }),
  };
}

/** The longest text that a line of the log holds of a request. */
const SHOWN_MAX = 1000;

function shorten(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

/** Writes one line for each request, when it has been answered. */
export class RequestLog extends LogController {
  override incomingRequest(): void {
    // What was asked is in the line of the answer.
  }

  override requestCompleted(
    error: Error | null | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    request.log.info(
      {
        // One literal: to put it together from parts took four times as long.
        method: request.method,
        path: pathOf(request),
        route: request.routeOptions.url,
        status: reply.statusCode,
        outcome: reply.problem ?? 'ok',
        milliseconds: Math.round(reply.elapsedTime * 1000) / 1000,
        subject: subjectOf(request),
        namespace: shownParameter(request, 'slug'),
        ...(error && { err: error }),
      },
      'answered',
    );
  }
}

function pathOf({ url }: FastifyRequest): string {
  return shorten(url.split('?', 1).join(''));
}

/** @returns a parameter of the path; routes have some, or none */
export function parameter({ params }: FastifyRequest, name: string): unknown {
  return typeof params === 'object' && params !== null ? Reflect.get(params, name) : undefined;
}

/** Nothing that exists is called by so many characters. */
function shownParameter(request: FastifyRequest, name: string): string | undefined {
  const value = parameter(request, name);
  return typeof value === 'string' ? value.slice(0, SUBJECT_MAX_LENGTH) : undefined;
}

/** Requests that needed no token, or had none that was valid, have no user. */
function subjectOf({ user }: { user?: { subject: string } | null }): string | undefined {
  return user?.subject;
}

/** Gives every answer the id of its request, and every request whose caller went away its line. */
export const requestIdPlugin = fp(
  (app, _options, done) => {
    app.addHook('onRequest', (request, reply, next) => {
      void reply.header(REQUEST_ID, request.id);
      next();
    });
    app.addHook('onRequestAbort', (request, next) => {
      request.log.info(
        {
          method: request.method,
          path: pathOf(request),
          route: request.routeOptions.url,
          outcome: 'aborted',
          subject: subjectOf(request),
          namespace: shownParameter(request, 'slug'),
        },
        'not answered',
      );
      next();
    });
    done();
  },
  { name: 'request-id' },
);

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Writes a line of its own for each write of the context it is registered in, refused or done: who
 * did what to what, and what became of it. The line is written whatever level the log has, and also
 * where the caller did not wait for the answer. It holds nothing of the body, save the paths that
 * created resources got.
 */
export const auditPlugin = fp(
  (app, _options, done) => {
    app.decorateReply('created', null);
    const log = app.log.child({ audit: true }, { level: 'info' });
    app.addHook('onRoute', (route) => {
      if ([route.method].flat().every((method) => READS.has(method))) return;
      const operation = route.schema?.operationId;
      const audit: onSendHookHandler = (request, reply, payload, next) => {
        // Nobody was asked who they are, and under overload each line counts.
        if (reply.problem === 'overloaded') {
          next(null, payload);
          return;
        }
        log.info(
          {
            reqId: request.id,
            operation,
            by: subjectOf(request),
            namespace: shownParameter(request, 'slug'),
            space: shownParameter(request, 'projectSlug'),
            member: shownParameter(request, 'subject'),
            created: reply.created ?? reply.getHeader('location'),
            replayed: reply.getHeader('idempotent-replayed'),
            status: reply.statusCode,
            outcome: reply.problem ?? 'ok',
          },
          'write',
        );
        next(null, payload);
      };
      route.onSend = [route.onSend ?? [], audit].flat();
    });
    done();
  },
  { name: 'audit', dependencies: ['problem'] },
);
