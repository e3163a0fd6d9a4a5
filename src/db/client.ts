import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { readDatabaseUrl } from '../config.js';
import { type Target, watchConnections } from './connections.js';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  url: string;
  /** a file with the same URL, where the password may change; asked for each new connection */
  urlFile?: string | null;
  /** the most connections held at once */
  poolMax: number;
  /** PostgreSQL ends a statement that runs longer, in milliseconds; 0 for no limit of any kind */
  statementTimeoutMs: number;
  /** false behind a pooler that cannot keep prepared statements */
  prepare: boolean;
}

export type Database = ReturnType<typeof connect>;

const CONNECT_TIMEOUT_SECONDS = 5;

/** Whoever waits for a connection waits for an answer. */
const WATCHED_CONNECT_TIMEOUT_SECONDS = 1;

/** How long a failed connection waits for its next attempt; by default it would be up to 20. */
const RECONNECT_SECONDS = 0.1;

/**
 * Settings of a session. Every statement is written to need one plan, whatever the size of the
 * namespace: to plan it anew for each execution, as PostgreSQL else would, costs three times what
 * running it does. It is also written to go by an index: the planner knows but the average namespace,
 * and where one is large it would read the whole table, sort it, or start helpers, for each of the others.
 */
export const planning = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_sort: 'off',
  // As a text, because postgres.js leaves out what is 0.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
};

/**
 * Opens a pool; connections are made when they are first needed. Whoever calls this ends it:
 * `db.$client.end()`.
 *
 * @returns Drizzle on postgres.js, with the driver as `$client`
 */
export function connect(options: DatabaseOptions) {
  return drizzle(options.statementTimeoutMs > 0 ? watchedPool(options) : openPool(options));
}

function openPool(
  { url, urlFile = null, poolMax, statementTimeoutMs, prepare }: DatabaseOptions,
  more: { connect_timeout?: number; socket?: (target: Target) => Promise<Socket> } = {},
): postgres.Sql {
  return postgres(url, {
    ...(urlFile !== null && { password: passwordIn(urlFile, url) }),
    max: poolMax,
    prepare,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    backoff: () => RECONNECT_SECONDS,
    // Only needed for arrays; saves a query on every new connection.
    fetch_types: false,
    connection: {
      application_name: 'spaces',
      // A pooler refuses settings, as it would not know which of its connections has them.
      ...(prepare && { statement_timeout: statementTimeoutMs, ...planning }),
    },
    onnotice: () => undefined,
    ...more,
  });
}

/**
 * A pool that gives up on what gets no answer, and that is replaced when it loses a connection:
 * postgres.js makes a lost connection anew, but with what was half read and half written on the old one,
 * so that the new one can hang, or answer its first statement with the failure of the last.
 */
function watchedPool(options: DatabaseOptions): postgres.Sql {
  const { open, watch } = watchConnections(options.statementTimeoutMs);
  let ended = false;
  let lostAt = -Infinity;

  const start = (): postgres.Sql => {
    const pool = openPool(options, {
      connect_timeout: WATCHED_CONNECT_TIMEOUT_SECONDS,
      socket: async (target) => {
        const wait = lostAt + RECONNECT_SECONDS * 1000 - performance.now();
        if (wait > 0) await setTimeout(wait);
        return open(target, () => {
          if (pool === current && !ended) replace();
        });
      },
    });
    return pool;
  };
  const replace = () => {
    const lost = current;
    lostAt = performance.now();
    current = start();
    // Drizzle has put its own in there.
    Object.assign(current.options.parsers, lost.options.parsers);
    Object.assign(current.options.serializers, lost.options.serializers);
    // What is under way on its other connections is still answered.
    void lost.end({ timeout: options.statementTimeoutMs / 1000 });
  };
  let current = start();

  const replaced = {
    unsafe: (...statement: Parameters<typeof current.unsafe>) => {
      // postgres.js sends it when it is first waited for.
      const query = current.unsafe(...statement);
      return {
        values: () => watch(query.values()),
        then: (...settled: Parameters<typeof query.then>) => watch(query).then(...settled),
      };
    },
    begin: (...transaction: Parameters<typeof current.begin>) =>
      watch(current.begin(...transaction)),
    end: (...how: Parameters<typeof current.end>) => {
      ended = true;
      return current.end(...how);
    },
  };
  return new Proxy(current, {
    get: (_first, name): unknown => Reflect.get(name in replaced ? replaced : current, name),
  });
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
