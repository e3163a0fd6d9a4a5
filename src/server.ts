import cluster from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';
import { buildApp, buildMetricsApp } from './app.js';
import { type Config, loadConfig, type TokenConfig } from './config/load.js';
import { connect } from './db/client.js';
import { expectMigrated, migrate } from './db/migrate.js';
import { expectSession } from './db/session.js';
import { dataDirectory, developmentSecret } from './development/data.js';
import { createDemo } from './development/demo.js';
import { introduction } from './development/introduction.js';
import { startEmbeddedPostgres } from './development/postgres/index.js';
import { explain } from './explain.js';
import { type MetricsSource, processMetrics } from './http/observability/metrics.js';
import { startTracing } from './http/observability/tracing.js';
import {
  answerPrimary,
  metricsOfWorkers,
  reportToPrimary,
} from './http/observability/worker-metrics.js';
import { listen } from './http/server/listen.js';
import { createLogger, hasLostReader, onOutputError, stopWithoutReader, UNREAD } from './logger.js';
import { countErased, startRetention } from './retention.js';
import { onShutdown, stop } from './shutdown.js';
import { disconnectFromPrimary, startWorkers } from './workers.js';

/** Maximum time for accepted requests to end after the signal to stop. */
const DRAIN_MS = 10_000;

/** One in this many connections is reserved for searches. */
const SEARCH_PART = 5;

/** The signal to replace the workers. */
const RESTART: closeWithGrace.Signals = 'SIGUSR2';

/** Signals of a crash. With a handler, the process would repeat the crash forever. */
const crashes: closeWithGrace.Signals[] = [
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
];

/** Signals that a terminal also sends to the workers, which ignore them: the primary process stops them. */
const terminal: closeWithGrace.Signals[] = ['SIGHUP', 'SIGINT', 'SIGQUIT'];

/**
 * Starts the embedded PostgreSQL, applies migrations and creates the demo data.
 *
 * @returns its URL
 */
async function startDatabase({ database }: Config): Promise<string> {
  const embedded = await startEmbeddedPostgres({
    directory: join(dataDirectory, 'postgres'),
    database: 'spaces',
  });
  onShutdown(() => embedded.stop());
  console.log(embedded.notice ?? `PostgreSQL keeps its data in ${embedded.directory}`);
  await migrate(embedded.url);
  const db = connect({ ...database, url: embedded.url, poolMax: 1 });
  await createDemo(db);
  await db.$client.end({ timeout: 1 });
  return embedded.url;
}

/**
 * Migrates the configured database, or checks that it is migrated, and checks its sessions. The primary process
 * does so for its workers.
 *
 * @returns a warning for the log, or null
 */
async function prepareGiven({ database }: Config): Promise<string | null> {
  const { url, migrateOnStart } = database;
  if (url === null || !cluster.isPrimary) return null;
  await (migrateOnStart ? migrate(url) : expectMigrated(url));
  return expectSession({ ...database, url });
}

async function tokenConfig({ token }: Config): Promise<TokenConfig> {
  return { ...token, key: token.key ?? (await developmentSecret()) };
}

/** Serves metrics on a separate port. */
async function serveMetricsOn(port: number, host: string, source: MetricsSource, logger: Logger) {
  const app = await buildMetricsApp(source, logger);
  onShutdown(() => app.close());
  await listen(app, host, port);
}

/**
 * Serves requests in this process.
 *
 * @returns the address it listens on
 */
async function serve(config: Config, url: string): Promise<AddressInfo> {
  const { database, host, port, metricsPort } = config;
  const searchMax = Math.ceil(database.poolMax / SEARCH_PART);
  const db = connect({ ...database, url, poolMax: database.poolMax - searchMax });
  const searchDb = connect({ ...database, url, poolMax: searchMax });
  onShutdown(() => Promise.all([db, searchDb].map(({ $client }) => $client.end({ timeout: 1 }))));
  const logger = await createLogger(config.logLevel);
  const registry = metricsPort === 'off' ? undefined : processMetrics();
  const tracing = config.traced ? await startTracing() : undefined;
  if (tracing) onShutdown(() => tracing.stop());
  const erased = registry && { onErased: countErased(registry) };
  const options = {
    token: await tokenConfig(config),
    db,
    searchDb,
    logger,
    queueMax: database.queueMax,
    pageCacheBytes: config.pageCacheBytes,
    slugHoldDays: config.slugHoldDays,
    quotas: config.quotas,
    rateLimit: config.rateLimit,
    compression: config.compression,
    publicUrl: config.publicUrl,
    corsOrigins: config.corsOrigins,
    ...erased,
    ...(registry && { metrics: { registry, served: metricsPort === null } }),
    ...(tracing && { tracing: tracing.plugin }),
  };
  const [app, warning] = await Promise.all([buildApp(options), prepareGiven(config)]);
  if (warning !== null) logger.warn(warning);
  const { retentionDays, slugHoldDays } = config;
  const settings = { retentionDays, slugHoldDays, ...erased, logger, registry };
  onShutdown(startRetention({ ...settings, database: { ...database, url } }));
  if (cluster.isWorker) onShutdown(disconnectFromPrimary);
  if (registry && cluster.isWorker) {
    answerPrimary(registry);
    onShutdown(() => reportToPrimary(registry));
  }
  onShutdown(() => app.close());
  if (registry && !cluster.isWorker && typeof metricsPort === 'number') {
    await serveMetricsOn(metricsPort, host, registry, logger);
  }
  onShutdown(async () => {
    app.draining = true;
    await setTimeout(config.shutdownDelayMs);
  });
  await listen(app, host, port);
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('No port is listened on');
  return address;
}

/**
 * Serves requests in the configured number of processes; SIGUSR2 replaces them one after another.
 *
 * @returns the address it listens on
 */
async function serveByWorkers(config: Config, url: string): Promise<AddressInfo> {
  const { workers: count, database, host, metricsPort } = config;
  const warning = await prepareGiven(config);
  const workers = await startWorkers(count, database.url === null ? { DATABASE_URL: url } : {});
  onShutdown(() => workers.stop());
  process.on(RESTART, () => {
    workers.restart().catch((error: unknown) => {
      console.error(explain(error));
    });
  });
  const logger = await createLogger(config.logLevel);
  if (warning !== null) logger.warn(warning);
  if (typeof metricsPort === 'number') {
    await serveMetricsOn(metricsPort, host, metricsOfWorkers(), logger);
  }
  return workers.address;
}

/** @returns the URL of an address for this machine */
function origin({ address, port }: AddressInfo): string {
  const host = address.replace(/^(0\.0\.0\.0|::)$/, 'localhost');
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

try {
  const config = loadConfig(process.env);
  process.stdout.on('error', onOutputError);
  process.stderr.on('error', () => undefined);
  cluster.on('message', (_worker, message) => {
    if (message === UNREAD) stopWithoutReader();
  });
  const { NODE_ENV = '' } = process.env;
  if (config.production && NODE_ENV !== 'production' && cluster.isPrimary) {
    console.error(
      `NODE_ENV is "${NODE_ENV}", neither development nor test: the service runs in production mode.`,
    );
  }
  const hasWorkers = config.workers > 1 && cluster.isPrimary;
  const delay = config.shutdownDelayMs + DRAIN_MS;
  closeWithGrace(
    {
      // Longer than the limit of the workers, so that they end first.
      delay: hasWorkers ? delay + DRAIN_MS : delay,
      skip: [...crashes, ...(hasWorkers ? [RESTART] : []), ...(cluster.isWorker ? terminal : [])],
    },
    async ({ err }) => {
      if (err) console.error(explain(err));
      await stop();
      // A failure, so that a service manager restarts the service with a new reader.
      if (hasLostReader()) process.exit(1);
    },
  );
  if (cluster.isWorker) {
    await serve(config, config.database.url ?? '');
  } else {
    const url = config.database.url ?? (await startDatabase(config));
    const address = await (hasWorkers ? serveByWorkers : serve)(config, url);
    if (!config.production) {
      const isOwn = config.database.url === null && config.token.key === null;
      console.log(await introduction(origin(address), await tokenConfig(config), isOwn));
    }
  }
} catch (error) {
  console.error(explain(error));
  await stop();
  process.exit(1);
}
