import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** whether the process was told to stop */
    draining: boolean;
  }
}

/**
 * How the application behaves once `draining` is set: it is not ready any more, answers all the same,
 * and closes each connection with its next answer, so that callers go elsewhere before it closes.
 */
export const drainPlugin = fp(
  (app, _options, done) => {
    app.decorate('draining', false);
    app.addHook('onSend', (_request, reply, _payload, next) => {
      if (app.draining) void reply.header('connection', 'close');
      next();
    });
    done();
  },
  { name: 'drain' },
);
