import { maxHeaderSize } from 'node:http';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginAsync,
} from 'fastify';
import type { Registry } from 'prom-client';
import type { TokenConfig } from './config.js';
import type { Database } from './db/client.js';
import { ServiceError } from './errors.js';
import { authPlugin } from './http/auth.js';
import { BODY_LIMIT, bodyPlugin } from './http/body.js';
import { healthPlugin } from './http/health.js';
import { metricsPlugin, type PoolStats, serveMetrics } from './http/metrics.js';
import { membersPlugin } from './http/members/plugin.js';
import { namespacesPlugin } from './http/namespaces/plugin.js';
import { openapiPlugin } from './http/openapi.js';
import { problemPlugin, sendProblem } from './http/problem.js';
import {
  auditPlugin,
  REQUEST_ID,
  requestId,
  requestIdPlugin,
  RequestLog,
} from './http/request-log.js';
import { securityHeaders, securityPlugin } from './http/security.js';
import { spacesPlugin } from './http/spaces/plugin.js';
import { ajvOptions, readQueryIntegers, validatorFactory } from './http/validation.js';
import { namespaceResolver } from './repositories/access.js';
import { membersRepository } from './repositories/members.js';
import { namespacesRepository } from './repositories/namespaces.js';
import { spacesRepository } from './repositories/spaces.js';

/** All that Node takes of a request's head: what cannot exist is the handlers' to say. */
const MAX_PARAM_LENGTH = maxHeaderSize;

export interface AppOptions {
  token: TokenConfig;
  /** the caller's to close */
  db: Database;
  /** nothing is logged without one */
  logger?: FastifyBaseLogger;
  /** where what happens is counted; nothing is without it */
  metrics?: {
    registry: Registry;
    /** whether this application also serves them, as `GET /metrics` */
    served: boolean;
    poolStats?: () => PoolStats;
  };
  /** nothing is traced without one */
  tracing?: FastifyPluginAsync;
}

/**
 * Builds the application; nothing listens yet. The server, the tests and the OpenAPI document all
 * use this one.
 */
export async function buildApp({
  token,
  db,
  logger,
  metrics,
  tracing,
}: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    ...(logger && { loggerInstance: logger }),
    ajv: { customOptions: ajvOptions },
    schemaController: { compilersFactory: { buildValidator: validatorFactory() } },
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    logController: new RequestLog(),
    requestIdHeader: false,
    genReqId: requestId,
    frameworkErrors: (error, request, reply) => {
      // No hook runs before there is a route.
      void reply.header(REQUEST_ID, request.id).headers(securityHeaders);
      void sendProblem(
        request,
        reply,
        new ServiceError('malformed_request', 'The path of the URL is not validly encoded.', {
          cause: error,
        }),
      );
    },
  });

  if (tracing) await app.register(tracing);
  readQueryIntegers(app);
  await app.register(requestIdPlugin);
  await app.register(securityPlugin);
  await app.register(problemPlugin);
  if (metrics) await app.register(metricsPlugin, metrics);
  await app.register(bodyPlugin);
  await app.register(openapiPlugin);
  await app.register(healthPlugin, { db });
  if (metrics?.served) serveMetrics(app, metrics.registry);

  const resolveNamespace = namespaceResolver(db);
  await app.register(async (guarded) => {
    await guarded.register(auditPlugin);
    await guarded.register(authPlugin, token);
    await guarded.register(namespacesPlugin, {
      namespaces: namespacesRepository(db, resolveNamespace),
    });
    await guarded.register(membersPlugin, { members: membersRepository(db, resolveNamespace) });
    await guarded.register(spacesPlugin, { spaces: spacesRepository(db, resolveNamespace) });
  });

  return app;
}

/** Builds an application that serves nothing but metrics, for a port of their own. */
export async function buildMetricsApp(
  registry: Registry,
  logger?: FastifyBaseLogger,
): Promise<FastifyInstance> {
  const app = fastify({
    ...(logger && { loggerInstance: logger }),
    logController: new RequestLog(),
  });
  await app.register(problemPlugin);
  serveMetrics(app, registry);
  return app;
}
