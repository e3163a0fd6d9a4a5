import fp from 'fastify-plugin';
import { isUploading } from './connections.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** whether the process is shutting down */
    draining: boolean;
  }
}

/**
 * Behaviour while `draining` is set: `/readyz` is 503, requests are still served, and each response closes its
 * connection, so that clients reconnect to another process.
 */
export const gracefulShutdownPlugin = fp(
  (app, _options, done) => {
    app.decorate('draining', false);
    app.addHook('onSend', ({ raw }, reply, _payload, next) => {
      // A connection with an upload in progress is closed later, when it is idle.
      if (app.draining && !isUploading(raw)) void reply.header('connection', 'close');
      next();
    });
    done();
  },
  { name: 'graceful-shutdown' },
);
