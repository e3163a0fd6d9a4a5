import { setTimeout } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import {
  type ConnectionString,
  parseConnectionString,
  type Target,
} from '../config/connection-string.js';
import { readDatabaseUrl } from '../config/files.js';
import { openPool } from './pool/index.js';
import { openSocket } from './pool/socket.js';
import { formats, serviceSettings } from './settings.js';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`; with several hosts the primary is used */
  url: string;
  /** a file with the same URL, whose user and password may change; read for each new connection */
  urlFile?: string | null;
  /** maximum number of connections */
  poolMax: number;
  /** statement timeout in milliseconds, enforced by PostgreSQL and by the pool; 0 for none */
  statementTimeoutMs: number;
  /** false behind a pooler without support for prepared statements */
  prepare: boolean;
  /** for migrations: sessions keep the settings of their role, except for the statement timeout */
  isAdministrative?: boolean;
  /** the search path, where it differs from `public` */
  searchPath?: string;
}

export type Database = ReturnType<typeof connect>;

/** The bounds of the connect timeout. */
const CONNECT_TIMEOUT_SECONDS = { least: 1, most: 10 };

/** How long new connections reuse the result of the search for the primary. */
const FOUND_MS = 250;

/**
 * Opens a connection pool; connections are opened on demand. The caller closes it with `db.$client.end()`.
 *
 * @returns Drizzle on postgres.js, with the driver as `$client`, and `usage` for the metrics of the pool
 */
export function connect(options: DatabaseOptions) {
  const settings = parseConnectionString(options.url);
  const current = rereader(options, settings);
  const { sql, usage } = openPool({
    max: options.poolMax,
    statementTimeoutMs: options.statementTimeoutMs,
    driver: () => driverOptions(options, current()),
    settings: options.isAdministrative
      ? { statement_timeout: String(options.statementTimeoutMs) }
      : serviceSettings(options.statementTimeoutMs, settings.options),
    findTarget: targetFinder(options, settings, current),
  });
  return Object.assign(drizzle(sql), { usage });
}

/** @param target the server to connect to; by default the first of the connection string */
function driverOptions(
  { statementTimeoutMs, prepare, searchPath }: DatabaseOptions,
  settings: ConnectionString,
  { host, port } = settings.targets[0],
): postgres.Options<Record<string, never>> {
  const { user, password, database, ssl, applicationName, options } = settings;
  return {
    host,
    port,
    ...(user !== undefined && { user }),
    ...(database !== undefined && { database }),
    password,
    ssl,
    prepare,
    connect_timeout: connectTimeout(statementTimeoutMs, settings),
    // Types are only needed for arrays; this saves a query on every new connection.
    fetch_types: false,
    connection: {
      application_name: applicationName,
      ...(options !== undefined && { options }),
      ...formats,
      ...(searchPath !== undefined && { search_path: searchPath }),
    },
    onnotice: () => undefined,
  };
}

/**
 * @returns a function that finds the server to connect to: the primary where there are several hosts or the URL
 *   asks for it. postgres.js does not get the other hosts: it would retry them forever, without an error for
 *   the statement.
 */
function targetFinder(
  options: DatabaseOptions,
  settings: ConnectionString,
  current: () => ConnectionString,
) {
  const { targets, wantsPrimary } = settings;
  if (targets.length === 1 && !wantsPrimary) return () => Promise.resolve(targets[0]);

  async function expectPrimary(target: Target): Promise<Target> {
    const driver = driverOptions(options, current(), target);
    const withSocket = { ...driver, max: 1, socket: () => openSocket(target) };
    const probe = postgres(withSocket);
    const answer = probe`select pg_is_in_recovery() as standby`;
    const seconds = connectTimeout(options.statementTimeoutMs, settings);
    const [row] = await Promise.race([
      answer,
      setTimeout(seconds * 1000, [], { ref: false }),
    ]).finally(() => void probe.end({ timeout: 0 }));
    if (row?.['standby'] !== false) throw new Error('The server is not the primary');
    return target;
  }

  let found: { at: number; target: Promise<Target> } | null = null;
  return (): Promise<Target> => {
    const now = performance.now();
    if (found && now - found.at < FOUND_MS) return found.target;
    const target = Promise.any(targets.map(expectPrimary)).catch((cause: unknown) => {
      throw Object.assign(new Error('No host of DATABASE_URL is the primary', { cause }), {
        code: 'NO_PRIMARY',
      });
    });
    found = { at: now, target };
    return target;
  };
}

/**
 * @returns the connect timeout in seconds: that of a statement, because a statement waits for its connection
 */
function connectTimeout(
  statementTimeoutMs: number,
  { connectTimeoutSeconds }: ConnectionString,
): number {
  const { least, most } = CONNECT_TIMEOUT_SECONDS;
  if (connectTimeoutSeconds !== null) return connectTimeoutSeconds;
  return statementTimeoutMs > 0 ? Math.min(Math.max(statementTimeoutMs / 1000, least), most) : most;
}

/**
 * @returns a function that reads the user, the password and the certificates again, from the file of the URL and
 *   the files that it names; hosts and database stay, so that a pool never uses two databases. Without valid
 *   files it returns the last valid values, because the driver handles no error here
 */
function rereader(
  { url, urlFile = null }: DatabaseOptions,
  first: ConnectionString,
): () => ConnectionString {
  let last = first;
  return () => {
    try {
      const text = urlFile === null ? url : readDatabaseUrl(urlFile);
      const { user, password, ssl } = parseConnectionString(text);
      if (typeof ssl === 'object') createSecureContext(ssl);
      last = { ...first, user, password, ssl };
    } catch {
      // A file is being replaced. If it stays invalid, a rejection of the last values shows that.
    }
    return last;
  };
}
