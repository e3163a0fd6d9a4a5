import fp from 'fastify-plugin';

/**
 * What every answer tells a browser; Swagger UI brings a policy of its own. `private, no-cache` keeps
 * what belongs to a caller out of shared caches, and lets its own ask by ETag whether it has changed.
 * Strict-Transport-Security is for whatever ends TLS to send (RFC 6797 §7.2).
 */
export const securityHeaders = {
  'cache-control': 'private, no-cache',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Gives every answer the security headers. */
export const securityHeadersPlugin = fp(
  (app, _options, done) => {
    app.addHook('onRequest', (_request, reply, next) => {
      void reply.headers(securityHeaders);
      next();
    });
    done();
  },
  { name: 'security' },
);
