import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** the path prefix that a proxy removes, such as `/api`; empty without one */
    publicPath: string;
  }
}

/**
 * Adds the path prefix that a proxy removes to the paths in responses: `Location`, `Link` and the `instance` of
 * problems.
 */
export const publicUrlPlugin = fp<{ publicUrl: URL | null }>(
  (app, { publicUrl }, done) => {
    const prefix = publicUrl?.pathname.replace(/\/+$/, '') ?? '';
    app.decorate('publicPath', prefix);
    if (prefix !== '') {
      app.addHook('onSend', (_request, reply, payload, next) => {
        const location = reply.getHeader('location');
        if (typeof location === 'string' && location.startsWith('/')) {
          void reply.header('location', prefix + location);
        }
        const link = reply.getHeader('link');
        if (typeof link === 'string') {
          void reply.header('link', link.replaceAll('</', `<${prefix}/`));
        }
        next(null, payload);
      });
    }
    done();
  },
  { name: 'public-url' },
);
