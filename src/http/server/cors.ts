import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** for responses that no hook sees; absent where no origin is allowed */
    setCorsHeaders?: (request: FastifyRequest, reply: FastifyReply) => void;
  }
}

/** The headers that a page may send, beside those that every page may send. */
const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'traceparent',
  'tracestate',
  'x-request-id',
].join(', ');

/** The response headers that a page may read, beside those that it always may. */
const ANSWER_HEADERS = [
  'etag',
  'idempotent-replayed',
  'link',
  'location',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'retry-after',
  'www-authenticate',
  'x-request-id',
].join(', ');

/** A list of header names, which error trackers and tracers add to: `baggage`, `sentry-trace` and the like. */
const HEADER_NAMES = /^[\w-]+(?:[ \t]*,[ \t]*[\w-]+)*$/;

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';

/** How long a browser may cache the answer to a preflight; Chromium's limit is two hours. */
const MAX_AGE_SECONDS = 7200;

/**
 * Lets pages of other origins call the service (https://fetch.spec.whatwg.org/#http-cors-protocol). They send
 * their tokens themselves: no cookie or other credential of the browser is allowed. Register it before hooks
 * that reject requests, so that a page can read the rejection. Ours, because the hooks of `@fastify/cors` do
 * not run for a URL that the router rejects.
 */
export const corsPlugin = fp<{ origins: readonly string[] }>(
  (app, { origins }, done) => {
    const allowed = new Set<string | undefined>(origins);
    const anybody = allowed.has('*');
    const setHeaders = (request: FastifyRequest, reply: FastifyReply) => {
      const {
        origin,
        'access-control-request-method': preflight,
        'access-control-request-headers': asked = '',
      } = request.headers;
      if (!anybody) void reply.header('vary', 'origin');
      if (anybody || allowed.has(origin)) {
        void reply.header('access-control-allow-origin', anybody ? '*' : origin);
        if (request.method === 'OPTIONS' && preflight !== undefined) {
          void reply.headers({
            'access-control-allow-methods': METHODS,
            'access-control-allow-headers': HEADER_NAMES.test(asked)
              ? `${REQUEST_HEADERS}, ${asked}`
              : REQUEST_HEADERS,
            'access-control-max-age': MAX_AGE_SECONDS,
          });
        } else {
          void reply.header('access-control-expose-headers', ANSWER_HEADERS);
        }
      }
    };
    app.decorate('setCorsHeaders', setHeaders);
    app.addHook('onRequest', (request, reply, next) => {
      setHeaders(request, reply);
      next();
    });
    done();
  },
  { name: 'cors' },
);
