import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import fp from 'fastify-plugin';
import type { Database } from '../../db/client.js';
import { isMigrated, MIGRATE } from '../../db/migrate.js';
import { type ProblemCode, ServiceError } from '../../errors.js';
import { ref } from '../conventions/schemas.js';
import { problemResponses, sendProblem } from '../errors/problem.js';

const Health = Type.Object(
  { status: Type.String({ enum: ['ok'], description: 'Always `ok`' }) },
  { $id: 'Health', description: 'The service is healthy', examples: [{ status: 'ok' }] },
);

/** The problems that the server reports before routing. */
const callerProblems: ProblemCode[] = [
  'malformed_request',
  'expectation_failed',
  'request_timeout',
  'headers_too_large',
];

/** How long the result of a check is cached. */
const CHECK_MS = 1000;

/**
 * Checks the database for any number of callers: one check at a time, whose result is cached for a second,
 * because `/readyz` needs no token.
 *
 * @param onChange called with the problem, or null, when it changes
 * @returns a function that resolves to the problem, or null
 */
function databaseCheck(db: Database, onChange: (problem: ServiceError | null) => void) {
  let latest: Promise<ServiceError | null> | null = null;
  let checkedAt = -Infinity;
  let known: string | null = null;
  const check = async (): Promise<ServiceError | null> => {
    const problem = await isMigrated(db).then(
      (migrated) => (migrated ? null : notMigrated()),
      unreachable,
    );
    checkedAt = performance.now();
    const message = problem?.message ?? null;
    if (message !== known) onChange(problem);
    known = message;
    return problem;
  };
  return () => {
    if (latest && performance.now() - checkedAt < CHECK_MS) return latest;
    checkedAt = Infinity;
    latest = check();
    return latest;
  };
}

function unreachable(cause: unknown): ServiceError {
  const detail = 'The database cannot be reached. The log has the cause.';
  return new ServiceError('unavailable', detail, { cause });
}

function notMigrated(): ServiceError {
  const detail = `The database lacks the newest migrations. ${MIGRATE}.`;
  return new ServiceError('unavailable', detail);
}

function stopping(): ServiceError {
  const detail = 'The process is shutting down. Send requests to another one.';
  return new ServiceError('unavailable', detail);
}

const plugin: FastifyPluginCallbackTypebox<{ db: Database }> = (app, { db }, done) => {
  app.addSchema(Health);
  const checkDatabase = databaseCheck(db, (problem) => {
    if (problem) app.log.error({ err: problem }, 'The database is not ready');
    else app.log.info('The database is ready');
  });

  app.get(
    '/livez',
    {
      logLevel: 'warn',
      schema: {
        operationId: 'getLiveness',
        summary: 'Whether the process responds',
        description: 'Checks only the process, not the database.',
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
        description: 'A process that is shutting down is not ready, but still serves requests.',
        security: [],
        tags: ['health'],
        response: {
          200: ref(Health),
          ...problemResponses(...callerProblems, 'internal_error', 'unavailable'),
        },
      },
    },
    async (request, reply) => {
      const problem = app.draining ? stopping() : await checkDatabase();
      // Sent and not thrown: only changes are logged, not each request.
      return problem ? sendProblem(request, reply, problem) : { status: 'ok' as const };
    },
  );

  done();
};

/** `/livez` checks only the process, `/readyz` also the database. */
export const healthPlugin = fp(plugin, {
  name: 'health',
  dependencies: ['problem', 'graceful-shutdown'],
});
