/**
 * Counts the HTTP requests of every Fastify instance, injected or received. `NODE_OPTIONS` loads it into each process
 * that the tests start. Each request adds one byte to a file, which outlasts a killed process.
 */
import { subscribe } from 'node:diagnostics_channel';
import { openSync, writeSync } from 'node:fs';
import { env } from 'node:process';

const { TEST_REQUESTS_FILE } = env;

if (TEST_REQUESTS_FILE) {
  const file = openSync(TEST_REQUESTS_FILE, 'a');
  subscribe('fastify.initialization', ({ fastify }) => {
    fastify.addHook('onRequest', (_request, _reply, done) => {
      writeSync(file, '.');
      done();
    });
  });
}
