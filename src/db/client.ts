import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  url: string;
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
export function connect({ url, poolMax, statementTimeoutMs, prepare }: DatabaseOptions) {
  // A pooler refuses them, as it would not know which of its connections has them.
  const sessionSettings = {
    statement_timeout: statementTimeoutMs,
    // Every statement is written to need one plan, whatever the size of the namespace: to plan it
    // anew for each execution, as PostgreSQL else would, costs three times what running it does.
    plan_cache_mode: 'force_generic_plan',
  };
  const client = postgres(url, {
    max: poolMax,
    prepare,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    backoff: () => RECONNECT_SECONDS,
    // Only needed for arrays; saves a query on every new connection.
    fetch_types: false,
    connection: { application_name: 'spaces', ...(prepare && sessionSettings) },
    onnotice: () => undefined,
  });
  return drizzle(client);
}
