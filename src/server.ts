import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import postgres from 'postgres';
import { buildApp, buildMetricsApp } from './app.js';
import { type Config, ConfigError, loadConfig, type TokenConfig } from './config.js';
import { connect } from './db/client.js';
import { EmbeddedPostgresError, startEmbeddedPostgres } from './db/embedded.js';
import { migrate } from './db/migrate.js';
import { createDemo, dataDirectory, developmentSecret, introduction } from './development.js';
import { processMetrics } from './http/metrics.js';
import { serializeError } from './http/request-log.js';
import { startTracing } from './http/tracing.js';

/** How long requests that were accepted may take once the process has been told to stop. */
const DRAIN_MS = 10_000;

/** Signals of a crash. A process that listens to them goes on crashing, for ever, on a whole core. */
const crashes: closeWithGrace.Signals[] = [
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
];

/** Lines are written together, because a write of its own for each costs more than making it. */
const BUFFERED = { sync: false, minLength: 4096, periodicFlush: 500 };

function createLogger(level: string): Logger {
  const options = {
    level,
    serializers: { err: serializeError },
    // Nothing logs a header; should that change, tokens still stay out of the log.
    redact: ['headers.authorization', 'req.headers.authorization'],
  };
  const stream = process.stdout.isTTY ? pretty({ sync: true }) : pino.destination(BUFFERED);
  return pino(options, stream);
}

/**
 * Starts what the configuration asks for.
 *
 * @param onStop takes what has to be undone, as soon as it has been done
 */
async function start(config: Config, onStop: (undo: () => Promise<unknown>) => void) {
  const { database, production, host, port } = config;
  let { url } = database;
  if (url === null) {
    const embedded = await startEmbeddedPostgres({
      directory: join(dataDirectory, 'postgres'),
      database: 'spaces',
    });
    onStop(() => embedded.stop());
    console.log(embedded.notice ?? `PostgreSQL keeps its data in ${embedded.directory}`);
    url = embedded.url;
  }
  if (database.migrateOnStart) await migrate(url);
  const db = connect({ ...database, url });
  onStop(() => db.$client.end({ timeout: 1 }));
  if (database.url === null) await createDemo(db);

  const key = config.token.key ?? (await developmentSecret());
  const token: TokenConfig = { ...config.token, key };
  const logger = createLogger(config.logLevel);
  const { metricsPort } = config;
  const metrics =
    metricsPort === 'off'
      ? undefined
      : { registry: processMetrics(), served: metricsPort === null };
  const tracing = config.traced ? await startTracing() : undefined;
  if (tracing) onStop(() => tracing.stop());
  const app = await buildApp({
    token,
    db,
    logger,
    queueMax: database.queueMax,
    rateLimit: config.rateLimit,
    ...(metrics && { metrics }),
    ...(tracing && { tracing: tracing.plugin }),
  });
  onStop(() => app.close());
  if (metrics && typeof metricsPort === 'number') {
    const metricsApp = await buildMetricsApp(metrics.registry, logger);
    onStop(() => metricsApp.close());
    await metricsApp.listen({ host, port: metricsPort });
  }
  onStop(async () => {
    app.draining = true;
    await setTimeout(config.shutdownDelayMs);
  });
  await app.listen({ host, port });
  if (!production) console.log(await introduction(origin(app), token));
}

/** Where a server that listens can be reached from this machine. */
function origin(app: FastifyInstance): string {
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('No port is listened on');
  const host = address.address.replace(/^(0\.0\.0\.0|::)$/, 'localhost');
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

/** @returns one sentence where the reason is known, otherwise the stack */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ConfigError || error instanceof EmbeddedPostgresError) return error.message;
  // Drizzle wraps what the driver threw, in a message that holds the statement.
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
    default:
      return error instanceof postgres.PostgresError
        ? `PostgreSQL refuses: ${error.message}`
        : (error.stack ?? error.message);
  }
}

const undos: (() => Promise<unknown>)[] = [];

async function stop(): Promise<void> {
  for (let undo = undos.pop(); undo; undo = undos.pop()) await undo();
}

try {
  const config = loadConfig(process.env);
  closeWithGrace({ delay: config.shutdownDelayMs + DRAIN_MS, skip: crashes }, async ({ err }) => {
    if (err) console.error(explain(err));
    await stop();
  });
  await start(config, (undo) => undos.push(undo));
} catch (error) {
  console.error(explain(error));
  await stop();
  process.exit(1);
}
