import { Type } from '@sinclair/typebox';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import fp from 'fastify-plugin';
import type { Database } from '../db/client.js';
import { isMigrated } from '../db/migrate.js';
import { type ProblemCode, ServiceError } from '../errors.js';
import { problemResponses } from './problem.js';
import { ref } from './schemas.js';

const Health = Type.Object(
  { status: Type.String({ enum: ['ok'], description: 'Always `ok`' }) },
  { $id: 'Health', description: 'The service is well', examples: [{ status: 'ok' }] },
);

/** What the server itself refuses, before there is an operation. */
const callerProblems: ProblemCode[] = ['malformed_request', 'request_timeout', 'headers_too_large'];

const plugin: FastifyPluginCallbackTypebox<{ db: Database }> = (app, { db }, done) => {
  app.addSchema(Health);

  app.get(
    '/livez',
    {
      logLevel: 'warn',
      schema: {
        operationId: 'getLiveness',
        summary: 'Whether the process answers',
        description: 'Looks at nothing but the process.',
        security: [],
        tags: ['health'],
        response: { 200: ref(Health), ...problemResponses(...callerProblems, 'internal_error') },
      },
    },
    () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    {
      logLevel: 'warn',
      schema: {
        operationId: 'getReadiness',
        summary: 'Whether requests can be served: the database is reachable and migrated',
        description: 'A process that was told to stop is not ready, and answers all the same.',
        security: [],
        tags: ['health'],
        response: {
          200: ref(Health),
          ...problemResponses(...callerProblems, 'internal_error', 'unavailable'),
        },
      },
    },
    async () => {
      if (app.draining)
        throw new ServiceError(
          'unavailable',
          'The process is about to stop. Send requests to another one.',
        );
      const migrated = await isMigrated(db).catch((cause: unknown) => {
        throw new ServiceError(
          'unavailable',
          'The database cannot be reached. See the log for the reason.',
          { cause },
        );
      });
      if (!migrated) {
        throw new ServiceError(
          'unavailable',
          'The database lacks the newest migrations. Run them: npm run db:migrate.',
        );
      }
      return { status: 'ok' as const };
    },
  );

  done();
};

/** `/livez` looks at nothing but the process, `/readyz` at everything it needs. */
export const healthPlugin = fp(plugin, { name: 'health', dependencies: ['problem', 'drain'] });
