import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { watchConnections } from './connections.js';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  url: string;
  /** the most connections held at once */
  poolMax: number;
  /** PostgreSQL ends a statement that runs longer, in milliseconds; 0 for no limit of any kind */
  statementTimeoutMs: number;
  /** false behind a pooler that cannot keep prepared statements */
  prepare: boolean;
}

export type Database = ReturnType<typeof connect>;

/** Whoever waits for a connection waits for an answer. */
const CONNECT_TIMEOUT_SECONDS = 1;
const UNHURRIED_CONNECT_TIMEOUT_SECONDS = 5;

/** How long a failed connection waits for its next attempt; by default it would be up to 20. */
const RECONNECT_SECONDS = 0.1;

/**
 * Opens a pool; connections are made when they are first needed. Whoever calls this ends it:
 * `db.$client.end()`.
 *
 * @returns Drizzle on postgres.js, with the driver as `$client`
 */
export function connect({ url, poolMax, statementTimeoutMs, prepare }: DatabaseOptions) {
  const connections = watchConnections(statementTimeoutMs);
  const hurried = statementTimeoutMs > 0;
  const options = {
    max: poolMax,
    prepare,
    socket: connections.open,
    connect_timeout: hurried ? CONNECT_TIMEOUT_SECONDS : UNHURRIED_CONNECT_TIMEOUT_SECONDS,
    backoff: () => RECONNECT_SECONDS,
    // Only needed for arrays; saves a query on every new connection.
    fetch_types: false,
    connection: { application_name: 'spaces', statement_timeout: statementTimeoutMs },
    onnotice: () => undefined,
  };
  const client = postgres(url, options);
  return drizzle(hurried ? watched(client, connections) : client);
}

/** The driver as Drizzle uses it, with every statement and every transaction watched. */
function watched(
  client: postgres.Sql,
  { watch }: ReturnType<typeof watchConnections>,
): postgres.Sql {
  const unsafe = (...statement: Parameters<typeof client.unsafe>) => {
    // postgres.js sends it when it is first waited for.
    const query = client.unsafe(...statement);
    return {
      values: () => watch(query.values()),
      then: (...settled: Parameters<typeof query.then>) => watch(query).then(...settled),
    };
  };
  const begin = (...transaction: Parameters<typeof client.begin>) =>
    watch(client.begin(...transaction));
  return new Proxy(client, {
    get: (target, name): unknown =>
      name === 'unsafe' ? unsafe : name === 'begin' ? begin : Reflect.get(target, name),
  });
}
