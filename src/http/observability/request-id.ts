import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import fp from 'fastify-plugin';
import { pathOf, shownParameter, subjectOf } from './log-fields.js';

export const REQUEST_ID = 'x-request-id';

const acceptedRequestId = /^[\w.:/+=-]{1,128}$/;

/** @returns the caller's id of the request if it is valid, otherwise a new UUID */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[REQUEST_ID];
  return typeof given === 'string' && acceptedRequestId.test(given) ? given : randomUUID();
}

/** Sets the request id on every response, and logs requests whose client disconnects. */
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
