import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { readDatabaseUrl } from '../config.js';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  url: string;
  /** a file with the same URL, where the password may change; asked for each new connection */
  urlFile?: string | null;
  /** the most connections held at once */
  poolMax: number;
  /** PostgreSQL ends a statement that runs longer, in milliseconds */
  statementTimeoutMs: number;
  /** false behind a pooler that cannot keep prepared statements */
  prepare: boolean;
}

export type Database = ReturnType<typeof connect>;

const CONNECT_TIMEOUT_SECONDS = 5;

/** How long a failed connection waits for its next attempt; by default it would be up to 20. */
const RECONNECT_SECONDS = 0.1;

/**
 * Opens a pool; connections are made when they are first needed. Whoever calls this ends it:
 * `db.$client.end()`.
 *
 * @returns Drizzle on postgres.js, with the driver as `$client`
 */
export function connect({
  url,
  urlFile = null,
  poolMax,
  statementTimeoutMs,
  prepare,
}: DatabaseOptions) {
  const client = postgres(url, {
    ...(urlFile !== null && { password: passwordIn(urlFile, url) }),
    max: poolMax,
    prepare,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    backoff: () => RECONNECT_SECONDS,
    // Only needed for arrays; saves a query on every new connection.
    fetch_types: false,
    connection: { application_name: 'spaces', statement_timeout: statementTimeoutMs },
    onnotice: () => undefined,
  });
  return drizzle(client);
}

/**
 * @returns a function that gives the password a file has now, or the last good one: the driver takes
 *   no failure here
 */
function passwordIn(urlFile: string, url: string): () => string {
  let last = passwordOf(url);
  return () => {
    try {
      last = passwordOf(readDatabaseUrl(urlFile));
    } catch {
      // It is being replaced; should it stay away, PostgreSQL says what is wrong with the last one.
    }
    return last;
  };
}

function passwordOf(url: string): string {
  return decodeURIComponent(new URL(url).password);
}
