import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Database } from '../../db/client.js';
import type { PageCache } from '../../repositories/lists/page-cache.js';
import type { KeysUsage } from '../auth/jwks.js';
import type { Load } from '../limits/load-shedding.js';

export interface MetricsOptions {
  registry: Registry;
  /** read when the metrics are collected, like the following */
  load: Load;
  pools: Database[];
  pages: PageCache;
}

/** Histogram buckets in seconds, from half the time of a list to more than the timeout of a statement. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** The labels of requests without a route, so that callers cannot create labels. */
const NO_ROUTE = { method: '*', url: 'none' };

/** The status label of requests whose client disconnected before the response. */
const ABORTED = 'aborted';

/** @returns a registry with the metrics of the process and its event loop */
export function processMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // The version would tell an attacker which vulnerabilities to try.
  registry.removeSingleMetric('nodejs_version_info');
  // prom-client omits its own start time when it aggregates workers, so that restarts would not be visible.
  const startTime = 'process_start_time_seconds';
  registry.removeSingleMetric(startTime);
  const help =
    'Start time of the process, or of the newest worker, in seconds since the Unix epoch';
  gauge(registry, startTime, help, () => performance.timeOrigin / 1000, 'max');
  return registry;
}

/**
 * Collects the metrics of requests and the database. Label values come from the code (route templates,
 * statuses, problem codes), never from a request.
 */
export const metricsPlugin = fp<MetricsOptions>(
  (app, { registry, load, pools, pages }, done) => {
    const registers = [registry];
    const durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the head of a request to the end of its response, in seconds',
      labelNames: ['method', 'route', 'status'],
      buckets: DURATIONS,
      registers,
    });
    const rejected = new Counter({
      name: 'http_requests_rejected_total',
      help: 'Requests that were rejected with a problem, by its code',
      labelNames: ['code'],
      registers,
    });
    let inFlight = 0;
    gauge(registry, 'http_requests_in_flight', 'Requests in progress', () => inFlight);
    gauge(
      registry,
      'database_requests_active',
      'Requests that use the database',
      () => load.active,
    );
    gauge(
      registry,
      'database_requests_waiting',
      'Requests in the queue for the database',
      () => load.waiting,
    );
    gauge(
      registry,
      'database_statements_active',
      'Statements in progress or waiting for a connection',
      () => sum(pools, (pool) => pool.usage().statements),
    );
    gauge(
      registry,
      'database_connections',
      'Connections to PostgreSQL that are open or being opened',
      () => sum(pools, (pool) => pool.usage().connections),
    );
    gauge(registry, 'database_connections_max', 'Maximum number of connections to PostgreSQL', () =>
      sum(pools, (pool) => pool.$client.options.max),
    );

    gauge(
      registry,
      'page_cache_bytes',
      'Size of the cached list pages in bytes',
      () => pages.usage().bytes,
    );
    total(
      registry,
      'page_cache_hits_total',
      'Numbered pages served from the cache, after PostgreSQL confirmed their revision',
      () => pages.usage().hits,
    );
    total(
      registry,
      'page_cache_misses_total',
      'Numbered pages read from PostgreSQL',
      () => pages.usage().misses,
    );

    // A look-up by route and status costs less than creating the labels for each request.
    const series = new Map<unknown, Map<number | string, Histogram.Internal<string>>>();
    const seriesOf = (request: FastifyRequest, status: number | string) => {
      const { config } = request.routeOptions;
      let ofRoute = series.get(config);
      if (!ofRoute) {
        ofRoute = new Map<number | string, Histogram.Internal<string>>();
        series.set(config, ofRoute);
      }
      let found = ofRoute.get(status);
      if (!found) {
        const { method, url } = request.is404 ? NO_ROUTE : config;
        found = durations.labels(String(method), url, String(status));
        ofRoute.set(status, found);
      }
      return found;
    };

    app.addHook('onRequest', (request, reply, next) => {
      inFlight += 1;
      // Fastify's onResponse does not run for requests whose client disconnects.
      onceClosed(request, reply, () => {
        inFlight -= 1;
        const status = reply.raw.writableEnded ? reply.statusCode : ABORTED;
        seriesOf(request, status).observe(reply.elapsedTime / 1000);
        if (reply.problem) rejected.inc({ code: reply.problem });
      });
      next();
    });
    done();
  },
  { name: 'metrics', dependencies: ['problem'] },
);

/** Adds the metrics of the issuer's public keys. */
export function measureKeys(registry: Registry, usage: () => KeysUsage): void {
  const help =
    'Time since the keys of the issuer were last fetched, or since the start before the first fetch, in seconds';
  gauge(registry, 'jwks_age_seconds', help, () => usage().ageMs / 1000, 'max');
  total(
    registry,
    'jwks_fetch_failures_total',
    'Failed fetches of the keys of the issuer',
    () => usage().failures,
  );
}

/** The requests in progress on each socket. */
const unsettled = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back once when a response has ended or its connection is closed. The socket is observed too, because
 * queued responses of a pipeline then emit no event.
 */
function onceClosed({ raw: { socket } }: FastifyRequest, { raw }: FastifyReply, end: () => void) {
  let open = unsettled.get(socket);
  if (!open) {
    const created = new Set<() => void>();
    unsettled.set(socket, created);
    socket.once('close', () => {
      for (const settle of created) settle();
    });
    open = created;
  }
  const others = open;
  const settle = () => {
    if (others.delete(settle)) end();
  };
  others.add(settle);
  raw.once('close', settle);
}

/** @param pools the same pool may be contained twice */
function sum(pools: Database[], of: (pool: Database) => number): number {
  return Array.from(new Set(pools), of).reduce((total, value) => total + value, 0);
}

/** @param aggregator combines the values of several workers */
function gauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => number,
  aggregator: 'sum' | 'max' = 'sum',
): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    aggregator,
    collect() {
      this.set(read());
    },
  });
}

/** @param read returns a count that never decreases */
function total(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

/** The source of metrics. */
export interface MetricsSource {
  contentType: string;
  metrics(): Promise<string>;
}

/** Serves the metrics of a source as `GET /metrics`, in the text format of Prometheus. */
export function serveMetrics(app: FastifyInstance, source: MetricsSource): void {
  app.get(
    '/metrics',
    { logLevel: 'warn', schema: { hide: true } },
    async (_request, reply: FastifyReply) =>
      reply.type(source.contentType).send(await source.metrics()),
  );
}
