import fp from 'fastify-plugin';

/**
 * The security headers of every response; Swagger UI has a different Content-Security-Policy. `private,
 * no-cache` keeps data out of shared caches, and lets the client's cache revalidate it by ETag. The TLS
 * terminator sends Strict-Transport-Security (RFC 6797 §7.2).
 */
export const securityHeaders = {
  'cache-control': 'private, no-cache',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Adds the security headers to every response. */
export const securityHeadersPlugin = fp(
  (app, _options, done) => {
    app.addHook('onRequest', (_request, reply, next) => {
      void reply.headers(securityHeaders);
      next();
    });
    done();
  },
  { name: 'security-headers' },
);
