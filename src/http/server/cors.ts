import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** for responses that bypass all hooks; absent if no origin is allowed */
    setCorsHeaders?: (request: FastifyRequest, reply: FastifyReply) => void;
  }
}

/** The request headers that a page may send, besides the CORS-safelisted ones. */
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

/** The response headers that a page may read, besides the CORS-safelisted ones. */
const RESPONSE_HEADERS = [
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

/**
 * A list of header names. Others are allowed too, because error trackers and tracers add headers such as
 * `baggage`.
 */
const HEADER_NAMES = /^[\w-]+(?:[ \t]*,[ \t]*[\w-]+)*$/;

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';

/** How long a browser may cache the response to a preflight request; Chromium's limit is two hours. */
const MAX_AGE_SECONDS = 7200;

/**
 * Allows pages of other origins to call the service (https://fetch.spec.whatwg.org/#http-cors-protocol). Pages
 * send tokens explicitly; cookies and other credentials of the browser are not allowed. Register it before
 * hooks that reject requests, so that a page can read the rejection. Not by `@fastify/cors`, whose hooks do not
 * run for a URL that the router rejects.
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
          void reply.header('access-control-expose-headers', RESPONSE_HEADERS);
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
