import fp from 'fastify-plugin';
import { isUploading } from './connections.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** whether the process is shutting down */
    draining: boolean;
  }
}

/**
 * How the application behaves once `draining` is set: it is not ready any more, answers all the same,
 * and closes each connection with its next answer, so that callers go elsewhere before it closes.
 */
export const gracefulShutdownPlugin = fp(
  (app, _options, done) => {
    app.decorate('draining', false);
    app.addHook('onSend', ({ raw }, reply, _payload, next) => {
      // One that still uploads is closed by the server when it is idle.
      if (app.draining && !isUploading(raw)) void reply.header('connection', 'close');
      next();
    });
    done();
  },
  { name: 'drain' },
);
