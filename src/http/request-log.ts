import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import fp from 'fastify-plugin';
import postgres from 'postgres';

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
  return {
    type: error.name,
    message: error.message,
    stack: error.stack ?? '',
    ...(error instanceof postgres.PostgresError && {
      sqlState: error.code,
      constraint: error.constraint_name,
    }),
    ...(cause instanceof Error && { cause: serializeError(cause) }),
  };
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
        method: request.method,
        path: request.url.split('?', 1)[0],
        route: request.routeOptions.url,
        status: reply.statusCode,
        milliseconds: Math.round(reply.elapsedTime * 1000) / 1000,
        subject: subjectOf(request),
        ...(error && { err: error }),
      },
      'answered',
    );
  }
}

/** Requests that needed no token, or had none that was valid, have no user. */
function subjectOf({ user }: { user?: { subject: string } | null }): string | undefined {
  return user?.subject;
}

/** Gives every answer the id of its request. */
export const requestIdPlugin = fp(
  (app, _options, done) => {
    app.addHook('onRequest', (request, reply, next) => {
      void reply.header(REQUEST_ID, request.id);
      next();
    });
    done();
  },
  { name: 'request-id' },
);
