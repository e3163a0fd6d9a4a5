import { maxHeaderSize } from 'node:http';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginAsync,
} from 'fastify';
import type { Registry } from 'prom-client';
import type { RateLimitConfig, TokenConfig } from './config/load.js';
import type { Database } from './db/client.js';
import { ServiceError } from './errors.js';
import { authPlugin } from './http/auth/plugin.js';
import { acceptPlugin } from './http/conventions/accept.js';
import { Erasure } from './http/conventions/erasure.js';
import { Restore, RestoreAsIs } from './http/conventions/schemas.js';
import { problemPlugin, sendProblem } from './http/errors/problem.js';
import { loadSheddingPlugin } from './http/limits/load-shedding.js';
import { rateLimitPlugin } from './http/limits/rate-limit.js';
import { auditPlugin, RequestLog } from './http/observability/access-log.js';
import { healthPlugin } from './http/observability/health.js';
import { metricsPlugin, type MetricsSource, serveMetrics } from './http/observability/metrics.js';
import { REQUEST_ID, requestId, requestIdPlugin } from './http/observability/request-id.js';
import { openapiPlugin } from './http/openapi/document.js';
import { homePlugin } from './http/openapi/home.js';
import { serializerFactory, validatorFactory } from './http/server/compilers.js';
import { compressionPlugin } from './http/server/compression.js';
import {
  type ConnectionLimits,
  connectionLimits,
  connectionOptions,
  connectionsPlugin,
} from './http/server/connections.js';
import { corsPlugin } from './http/server/cors.js';
import { gracefulShutdownPlugin } from './http/server/graceful-shutdown.js';
import { BODY_LIMIT, jsonBodyPlugin } from './http/server/json-body.js';
import { notFoundPlugin } from './http/server/not-found.js';
import { publicUrlPlugin } from './http/server/public-url.js';
import { requestTargetPlugin, rewriteTarget } from './http/server/request-target.js';
import { securityHeaders, securityHeadersPlugin } from './http/server/security-headers.js';
import { ajvOptions, readQuery, unformatted } from './http/server/validation.js';
import { repositoryContext, SLUG_HOLD_DAYS } from './repositories/context.js';
import { PageCache } from './repositories/lists/page-cache.js';
import { noQuotas, type Quotas } from './repositories/quotas.js';
import type { Erased } from './repositories/retention/containers.js';
import { Erasures } from './repositories/retention/erasures.js';
import { documentTags, type Resource, resources as usualResources } from './resources.js';

/**
 * As long as a whole request head in Node, so that the handlers, not the router, respond to a parameter that is
 * too long.
 */
const MAX_PARAM_LENGTH = maxHeaderSize;

/**
 * Concurrent requests per database connection: enough that the next statement is ready when one ends, few
 * enough that none waits long behind others.
 */
const REQUESTS_PER_CONNECTION = 4;

/** About as many requests as the service handles while one may wait in the queue. */
const QUEUE_MAX = 1000;

const PAGE_CACHE_BYTES = 64 * 2 ** 20;

export interface AppOptions {
  token: TokenConfig;
  /** the caller closes it, and `searchDb` too */
  db: Database;
  /** a separate pool for searches, so that no other request waits for them; `db` by default */
  searchDb?: Database;
  /** without it nothing is logged */
  logger?: FastifyBaseLogger;
  /** without it no metrics are collected */
  metrics?: {
    registry: Registry;
    /** whether this application also serves them, as `GET /metrics` */
    served: boolean;
  };
  /** without it nothing is traced */
  tracing?: FastifyPluginAsync;
  /** the most requests that wait for the database; more are rejected with 503 */
  queueMax?: number;
  /** size of the cache of rendered list pages, in bytes; 0 disables it */
  pageCacheBytes?: number;
  /** days for which a released namespace slug is reserved for its last owners */
  slugHoldDays?: number;
  /** no limits by default */
  quotas?: Quotas;
  /** called with the rows that a permanent deletion erases */
  onErased?: (erased: Erased) => void;
  /** no rate limit by default */
  rateLimit?: RateLimitConfig | null;
  /** whether large responses are compressed; off by default */
  compression?: boolean;
  /** the URL at which callers reach the service, where it differs from the address it listens on */
  publicUrl?: URL | null;
  /** the origins that may call from a browser, as in `CORS_ORIGINS`; none by default */
  corsOrigins?: readonly string[];
  /** instead of the usual ones */
  connections?: Partial<ConnectionLimits>;
  /** instead of the usual ones */
  resources?: readonly Resource[];
}

/**
 * Builds the application; nothing listens yet. The server, the tests and the OpenAPI document all
 * use this one.
 */
export async function buildApp({
  token,
  db,
  searchDb = db,
  logger,
  metrics,
  tracing,
  queueMax = QUEUE_MAX,
  pageCacheBytes = PAGE_CACHE_BYTES,
  slugHoldDays = SLUG_HOLD_DAYS,
  quotas = noQuotas,
  onErased,
  rateLimit = null,
  compression = false,
  publicUrl = null,
  corsOrigins = [],
  connections,
  resources = usualResources,
}: AppOptions): Promise<FastifyInstance> {
  const limits = { ...connectionLimits, ...connections };
  const app = fastify({
    ...(logger && { loggerInstance: logger }),
    ajv: { customOptions: ajvOptions },
    schemaController: {
      compilersFactory: {
        buildValidator: validatorFactory(),
        buildSerializer: serializerFactory(),
      },
    },
    bodyLimit: BODY_LIMIT,
    ...connectionOptions(limits),
    // Requests on open connections are still served while the process shuts down.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    rewriteUrl: rewriteTarget,
    schemaErrorFormatter: unformatted,
    logController: new RequestLog(),
    requestIdHeader: false,
    genReqId: requestId,
    frameworkErrors: (error, request, reply) => {
      // No hook runs before there is a route.
      void reply.header(REQUEST_ID, request.id).headers(securityHeaders);
      request.server.setCorsHeaders?.(request, reply);
      void sendProblem(
        request,
        reply,
        new ServiceError(
          'malformed_request',
          'The path of the URL is not validly encoded. Send UTF-8 in percent-encoding.',
          {
            cause: error,
          },
        ),
      );
    },
  });

  if (tracing) await app.register(tracing);
  readQuery(app);
  await app.register(requestIdPlugin);
  await app.register(securityHeadersPlugin);
  if (corsOrigins.length > 0) await app.register(corsPlugin, { origins: corsOrigins });
  if (compression) await app.register(compressionPlugin);
  await app.register(publicUrlPlugin, { publicUrl });
  await app.register(problemPlugin);
  const load = { active: 0, waiting: 0, rejected: 0 };
  app.decorate('load', load);
  const pages = new PageCache(pageCacheBytes);
  if (metrics) {
    await app.register(metricsPlugin, { ...metrics, load, pools: [db, searchDb], pages });
  }
  await app.register(connectionsPlugin, limits);
  await app.register(requestTargetPlugin);
  await app.register(gracefulShutdownPlugin);
  await app.register(notFoundPlugin, { maxParamLength: MAX_PARAM_LENGTH });
  await app.register(jsonBodyPlugin);
  await app.register(openapiPlugin, { publicUrl, tags: documentTags(resources) });
  await app.register(homePlugin);
  await app.register(healthPlugin, { db });
  if (metrics?.served) serveMetrics(app, metrics.registry);

  const erasures = new Erasures({
    ...(onErased && { onErased }),
    onError: (error) => {
      app.log.error({ err: error }, 'an erasure failed; the retention continues it');
    },
  });
  app.addHook('onClose', () => erasures.stop());
  const context = repositoryContext(db, { searchDb, pages, quotas, erasures, slugHoldDays });
  await app.register(async (guarded) => {
    await guarded.register(auditPlugin);
    await guarded.register(loadSheddingPlugin, {
      maxConcurrent: db.$client.options.max * REQUESTS_PER_CONNECTION,
      // One search per connection.
      maxConcurrentSearches: searchDb.$client.options.max,
      queueMax,
      load,
    });
    await guarded.register(authPlugin, { ...token, registry: metrics?.registry });
    if (rateLimit) await guarded.register(rateLimitPlugin, rateLimit);
    await guarded.register(acceptPlugin);
    for (const schema of [Restore, RestoreAsIs, Erasure]) guarded.addSchema(schema);
    for (const resource of resources) resource.register(guarded, context);
  });

  return app;
}

/** Builds an application that serves only metrics, for a separate port. */
export async function buildMetricsApp(
  source: MetricsSource,
  logger?: FastifyBaseLogger,
): Promise<FastifyInstance> {
  const app = fastify({
    ...(logger && { loggerInstance: logger }),
    logController: new RequestLog(),
  });
  await app.register(publicUrlPlugin, { publicUrl: null });
  await app.register(problemPlugin);
  await app.register(notFoundPlugin, { maxParamLength: MAX_PARAM_LENGTH });
  serveMetrics(app, source);
  return app;
}
