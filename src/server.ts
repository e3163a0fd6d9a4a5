import cluster from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import { type Logger, pino } from 'pino';
import postgres from 'postgres';
import { buildApp, buildMetricsApp } from './app.js';
import { type Config, ConfigError, loadConfig, type TokenConfig } from './config/load.js';
import { connect } from './db/client.js';
import { DatabaseNotReadyError } from './db/errors.js';
import { expectDefaults, expectMigrated, migrate } from './db/migrate.js';
import { dataDirectory, developmentSecret } from './development/data.js';
import { createDemo } from './development/demo.js';
import { introduction } from './development/introduction.js';
import { EmbeddedPostgresError, startEmbeddedPostgres } from './development/postgres/index.js';
import { serializeError } from './http/observability/log-fields.js';
import { type MetricsSource, processMetrics } from './http/observability/metrics.js';
import { startTracing } from './http/observability/tracing.js';
import {
  answerPrimary,
  metricsOfWorkers,
  reportToPrimary,
} from './http/observability/worker-metrics.js';
import { listen } from './http/server/listen.js';
import { startRetention } from './retention.js';
import { disconnectFromPrimary, startWorkers } from './workers.js';

/** Longest time of accepted requests after the signal to stop. */
const DRAIN_MS = 10_000;

/** One of so many connections is for searches. */
const SEARCH_PART = 5;

/** Replaces the workers. */
const RESTART: closeWithGrace.Signals = 'SIGUSR2';

/** Signals of a crash. A process that listens to them goes on crashing, for ever, on a whole core. */
const crashes: closeWithGrace.Signals[] = [
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
];

/** A terminal sends these to the workers too, which are the first process's to stop. */
const terminal: closeWithGrace.Signals[] = ['SIGHUP', 'SIGINT', 'SIGQUIT'];

/** Lines are written together, because a write of its own for each costs more than making it. */
const BUFFERED = { sync: false, minLength: 4096, periodicFlush: 500 };

async function createLogger(level: string): Promise<Logger> {
  const options = {
    level,
    serializers: { err: serializeError },
    // Nothing logs a header; should that change, tokens still stay out of the log.
    redact: ['headers.authorization', 'req.headers.authorization'],
  };
  if (!process.stdout.isTTY) {
    const destination = pino.destination(BUFFERED);
    destination.on('error', stopWithoutReader);
    // At exit pino would flush forever to a pipe without a reader.
    onShutdown(
      () =>
        new Promise((resolve) => {
          destination.flush(resolve);
        }),
    );
    return pino(options, destination);
  }
  const { default: pretty } = await import('pino-pretty');
  return pino(options, pretty({ sync: true }));
}

/** The message of a worker whose output has no reader. */
const UNREAD = 'spaces:unread';

let isUnread = false;

/** Stops the service when nobody reads its output any more; a second signal would end it at once. */
function stopWithoutReader(): void {
  if (isUnread) return;
  isUnread = true;
  if (cluster.isWorker) process.send?.(UNREAD);
  else process.kill(process.pid, 'SIGTERM');
}

const cleanups: (() => Promise<unknown>)[] = [];

/** @param undo runs when the process ends, after all that are registered later */
function onShutdown(undo: () => Promise<unknown>): void {
  cleanups.push(undo);
}

async function stop(): Promise<void> {
  for (let undo = cleanups.pop(); undo; undo = cleanups.pop()) await undo();
}

/**
 * Starts a database of our own, up to date and with something to look at.
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

/** Brings a database that is not ours up to date, or looks whether it is; the first process does so for its workers. */
async function migrateGiven({ database }: Config): Promise<void> {
  const { url, migrateOnStart, prepare } = database;
  if (url === null || !cluster.isPrimary) return;
  await (migrateOnStart ? migrate(url) : expectMigrated(url));
  if (!prepare) await expectDefaults(url);
}

async function tokenConfig({ token }: Config): Promise<TokenConfig> {
  return { ...token, key: token.key ?? (await developmentSecret()) };
}

/** Serves metrics on a port of their own. */
async function serveMetricsOn(port: number, host: string, source: MetricsSource, logger: Logger) {
  const app = await buildMetricsApp(source, logger);
  onShutdown(() => app.close());
  await listen(app, host, port);
}

/**
 * Serves requests in this process.
 *
 * @returns where
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
    ...(registry && { metrics: { registry, served: metricsPort === null } }),
    ...(tracing && { tracing: tracing.plugin }),
  };
  const [app] = await Promise.all([buildApp(options), migrateGiven(config)]);
  // The lock of a session says nothing behind a pooler.
  if (config.retentionDays > 0 && database.prepare) {
    const { retentionDays, slugHoldDays } = config;
    const settings = { database: { ...database, url }, retentionDays, slugHoldDays };
    onShutdown(startRetention({ ...settings, logger, registry }));
  }
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
 * Serves requests in as many processes as the configuration asks for; SIGUSR2 replaces them, one
 * after another.
 *
 * @returns where
 */
async function serveByWorkers(config: Config, url: string): Promise<AddressInfo> {
  const { workers: count, database, host, metricsPort, logLevel } = config;
  await migrateGiven(config);
  const workers = await startWorkers(count, database.url === null ? { DATABASE_URL: url } : {});
  onShutdown(() => workers.stop());
  process.on(RESTART, () => {
    workers.restart().catch((error: unknown) => {
      console.error(explain(error));
    });
  });
  if (typeof metricsPort === 'number') {
    await serveMetricsOn(metricsPort, host, metricsOfWorkers(), await createLogger(logLevel));
  }
  return workers.address;
}

/** Where an address can be reached from this machine. */
function origin({ address, port }: AddressInfo): string {
  const host = address.replace(/^(0\.0\.0\.0|::)$/, 'localhost');
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** @returns one sentence where the reason is known, otherwise the stack */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (
    error instanceof ConfigError ||
    error instanceof DatabaseNotReadyError ||
    error instanceof EmbeddedPostgresError
  ) {
    return error.message;
  }
  // Drizzle wraps the error of the driver in one whose message contains the statement.
  if (error.cause instanceof Error) return explain(error.cause);
  const code = 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return 'The port is taken. Set PORT (or METRICS_PORT) to another one, or to 0 for any that is free.';
    case 'EADDRNOTAVAIL':
      return `HOST is not an address of this machine: ${error.message}`;
    case 'EACCES':
    case 'EROFS':
      return `There is no permission for what the start needs: ${error.message}`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `A host in DATABASE_URL or HOST is not known: ${error.message}`;
    case 'ECONNREFUSED':
    case 'CONNECT_TIMEOUT':
      return `The database of DATABASE_URL cannot be reached: ${error.message}`;
    case 'NO_PRIMARY':
      return `${error.message}, or can be reached. Check its hosts, and target_session_attrs.`;
    default:
      return error instanceof postgres.PostgresError
        ? `PostgreSQL refuses: ${error.message}`
        : (error.stack ?? error.message);
  }
}

try {
  const config = loadConfig(process.env);
  process.stdout.on('error', stopWithoutReader);
  process.stderr.on('error', () => undefined);
  cluster.on('message', (_worker, message) => {
    if (message === UNREAD) stopWithoutReader();
  });
  const { NODE_ENV = '' } = process.env;
  if (config.production && NODE_ENV !== 'production' && cluster.isPrimary) {
    console.error(
      `NODE_ENV is "${NODE_ENV}", neither development nor test: it counts as production.`,
    );
  }
  const hasWorkers = config.workers > 1 && cluster.isPrimary;
  const delay = config.shutdownDelayMs + DRAIN_MS;
  closeWithGrace(
    {
      // Workers are ended by their own limit before.
      delay: hasWorkers ? delay + DRAIN_MS : delay,
      skip: [...crashes, ...(hasWorkers ? [RESTART] : []), ...(cluster.isWorker ? terminal : [])],
    },
    async ({ err }) => {
      if (err) console.error(explain(err));
      await stop();
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
