import { setTimeout } from 'node:timers/promises';
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

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`; of several hosts the primary is used */
  url: string;
  /** a file with the same URL, where the password may change; asked for each new connection */
  urlFile?: string | null;
  /** the most connections held at once */
  poolMax: number;
  /** PostgreSQL ends a statement that runs longer, in milliseconds; 0 for no limit of any kind */
  statementTimeoutMs: number;
  /** false behind a pooler that cannot keep prepared statements */
  prepare: boolean;
  /** the schemas to look in, where that is not `public` alone */
  searchPath?: string;
}

export type Database = ReturnType<typeof connect>;

/** The bounds of how long a connection may take to be made. */
const CONNECT_TIMEOUT_SECONDS = { least: 1, most: 10 };

/** For how long a server that was found to be the primary is taken for it by new connections. */
const FOUND_MS = 250;

/** How values are written as text, which postgres.js reads in one form alone. Poolers keep track of these. */
const formats = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  standard_conforming_strings: 'on',
};

/** Settings that the statements rely on, whatever `ALTER DATABASE` or `ALTER ROLE` set. */
const semantics = {
  array_nulls: 'on',
  backslash_quote: 'safe_encoding',
  bytea_output: 'hex',
  default_transaction_isolation: 'read committed' as const,
  extra_float_digits: '1',
  row_security: 'on',
  search_path: 'public',
  transform_null_equals: 'off',
};

/**
 * Planner settings of a session. Each statement has one plan for namespaces of every size: planning it again
 * for each execution, as PostgreSQL does by default, costs three times its execution. Each statement also
 * uses an index: the planner knows only the average namespace, and because of one large namespace it would
 * scan the whole table, sort it, or start parallel workers for all others. See
 * docs/decisions/0004-generic-plans.md.
 */
export const planning = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_sort: 'off',
  // Else it takes an index with only the first column of an order, and sorts all rows that share a value.
  enable_incremental_sort: 'off',
  // Else it reads the ids of a whole large namespace, to fetch fewer of the rows that another index names.
  cpu_index_tuple_cost: '0.2',
  // As text, because postgres.js omits the value 0.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
};

/**
 * Opens a pool; connections are made when they are first needed. The caller closes it with
 * `db.$client.end()`.
 *
 * @returns Drizzle on postgres.js, with the driver as `$client` and the use of the pool
 */
export function connect(options: DatabaseOptions) {
  const settings = parseConnectionString(options.url);
  const { sql, usage } = openPool({
    max: options.poolMax,
    statementTimeoutMs: options.statementTimeoutMs,
    driver: driverOptions(options, settings),
    findTarget: targetFinder(options, settings),
  });
  return Object.assign(drizzle(sql), { usage });
}

/** @param target of one server; the first of the connection string without one */
function driverOptions(
  { urlFile = null, statementTimeoutMs, prepare, searchPath }: DatabaseOptions,
  settings: ConnectionString,
  { host, port } = settings.targets[0],
): postgres.Options<Record<string, never>> {
  const { user, password, database, ssl, applicationName, options } = settings;
  return {
    host,
    port,
    ...(user !== undefined && { user }),
    ...(database !== undefined && { database }),
    password: urlFile === null ? password : passwordIn(urlFile, password),
    ssl,
    prepare,
    connect_timeout: connectTimeout(statementTimeoutMs, settings),
    // Only needed for arrays; saves a query on every new connection.
    fetch_types: false,
    connection: {
      application_name: applicationName,
      ...(options !== undefined && { options }),
      ...formats,
      // A pooler rejects other settings, because it does not track them per connection.
      ...(prepare && {
        statement_timeout: statementTimeoutMs,
        ...semantics,
        ...unlessGiven(planning, options),
      }),
      ...(searchPath !== undefined && { search_path: searchPath }),
    },
    onnotice: () => undefined,
  };
}

/** @returns the settings that `options` of the connection string do not set, as they have to for Citus */
function unlessGiven(settings: Record<string, string>, options = ''): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).filter(([name]) => !options.includes(`${name}=`)),
  );
}

/**
 * @returns a function that finds the server to connect to: of several hosts, or on request, the primary.
 *   postgres.js does not get the other hosts: it would retry them forever, without an error to the statement.
 */
function targetFinder(options: DatabaseOptions, settings: ConnectionString) {
  const { targets, wantsPrimary } = settings;
  if (targets.length === 1 && !wantsPrimary) return () => Promise.resolve(targets[0]);

  async function expectPrimary(target: Target): Promise<Target> {
    const driver = driverOptions(options, settings, target);
    const withSocket = { ...driver, max: 1, socket: () => openSocket(target) };
    const probe = postgres(withSocket);
    const answer = probe`select pg_is_in_recovery() as standby`;
    const seconds = connectTimeout(options.statementTimeoutMs, settings);
    const [row] = await Promise.race([
      answer,
      setTimeout(seconds * 1000, [], { ref: false }),
    ]).finally(() => void probe.end({ timeout: 0 }));
    if (row?.['standby'] !== false) throw new Error('It is not the primary');
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

/** @returns the timeout of a statement, in seconds, because a statement waits for its connection */
function connectTimeout(
  statementTimeoutMs: number,
  { connectTimeoutSeconds }: ConnectionString,
): number {
  const { least, most } = CONNECT_TIMEOUT_SECONDS;
  if (connectTimeoutSeconds !== null) return connectTimeoutSeconds;
  return statementTimeoutMs > 0 ? Math.min(Math.max(statementTimeoutMs / 1000, least), most) : most;
}

/**
 * @returns a function that gives the password a file has now, or the last good one: the driver takes
 *   no failure here
 */
function passwordIn(urlFile: string, first: string): () => string {
  let last = first;
  return () => {
    try {
      last = parseConnectionString(readDatabaseUrl(urlFile)).password;
    } catch {
      // The file is being replaced; if it stays unreadable, PostgreSQL rejects the last password with a
      // reason.
    }
    return last;
  };
}
