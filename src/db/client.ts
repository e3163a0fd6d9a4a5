import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { readDatabaseUrl, urlsOfHosts } from '../config.js';
import { type Target, type Usage, watchConnections } from './connections.js';
import { isReadOnly } from './errors.js';

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
}

const SESSION_ATTRS = 'target_session_attrs';

interface PoolOptions {
  [SESSION_ATTRS]?: 'primary';
  /** postgres.js has it, its types leave it out */
  socket?: (target: Target) => Promise<Socket>;
}

export type Database = ReturnType<typeof connect>;

/** The bounds of how long a connection may take to be made. */
const CONNECT_TIMEOUT_SECONDS = { least: 1, most: 10 };

/** How long it may take each host to say whether it is the primary. */
const PROBE_SECONDS = 1;

/** How often a pool is replaced at most because PostgreSQL refuses to write. */
const READ_ONLY_MS = 1000;

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
  // Else it reads the ids of a whole large namespace, to fetch fewer of the rows that another index names.
  cpu_index_tuple_cost: '0.2',
  // As a text, because postgres.js leaves out what is 0.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
};

/**
 * Opens a pool; connections are made when they are first needed. Whoever calls this ends it:
 * `db.$client.end()`.
 *
 * @returns Drizzle on postgres.js, with the driver as `$client`, and how much of it is in use
 */
export function connect(options: DatabaseOptions) {
  const { sql, usage } = watchedPool(options);
  return Object.assign(drizzle(sql), { usage });
}

/** @param url of one host */
function openPool(
  { urlFile = null, poolMax, statementTimeoutMs, prepare }: DatabaseOptions,
  url: string,
  more: PoolOptions,
): postgres.Sql {
  return postgres(url, {
    ...(urlFile !== null && { password: passwordIn(urlFile, url) }),
    max: poolMax,
    prepare,
    connect_timeout: connectTimeout(statementTimeoutMs),
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
 * so that the new one can hang, or answer its first statement with the failure of the last. It is
 * replaced, too, when PostgreSQL refuses to write, because then another host may be the primary.
 *
 * Of several hosts each pool keeps to one. postgres.js is not told of the others: it would try
 * again without end, and without a word to the statement, until one of them is well.
 */
function watchedPool(options: DatabaseOptions): { sql: postgres.Sql; usage: () => Usage } {
  const urls = urlsOfHosts(options.url);
  const [url = options.url] = urls;
  // `read-write` is taken for it, because postgres.js lets a standby pass for that.
  const isPrimaryWanted = urls.length > 1 || options.url.includes(SESSION_ATTRS);
  const wanted: PoolOptions = isPrimaryWanted ? { [SESSION_ATTRS]: 'primary' } : {};
  let ended = false;
  let replacedAt = -Infinity;
  const { open, watch, usage } = watchConnections(options.statementTimeoutMs, (error) => {
    if (isReadOnly(error) && performance.now() - replacedAt > READ_ONLY_MS) replace();
  });

  /** @returns the host that is the primary, or null while none says so */
  const find = (): Promise<Target | null> => {
    const answers = urls.map(async (each) => {
      const probe = openPool({ ...options, poolMax: 1 }, each, wanted);
      const answer = probe`select 1`.execute();
      void probe.end({ timeout: PROBE_SECONDS });
      await answer;
      return { host: probe.options.host, port: probe.options.port, path: false as const };
    });
    return Promise.any(answers).catch(() => null);
  };

  const start = (): postgres.Sql => {
    let found: Promise<Target | null> | null = null;
    const pool = openPool(options, url, {
      ...wanted,
      socket: async (first) => {
        const wait = replacedAt + RECONNECT_SECONDS * 1000 - performance.now();
        if (wait > 0) await setTimeout(wait);
        if (urls.length > 1) found ??= find();
        // Where none was found, the first one says what is wrong.
        return open((await found) ?? first, (hasSpoken) => {
          found = null;
          if (hasSpoken && pool === current) replace();
        });
      },
    });
    return pool;
  };
  const replace = () => {
    if (ended) return;
    const lost = current;
    replacedAt = performance.now();
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
  const sql = new Proxy(current, {
    get: (_first, name): unknown => Reflect.get(name in replaced ? replaced : current, name),
  });
  return { sql, usage };
}

/** @returns as long as a statement, in seconds, because whoever waits for a connection waits for an answer */
function connectTimeout(statementTimeoutMs: number): number {
  const { least, most } = CONNECT_TIMEOUT_SECONDS;
  return statementTimeoutMs > 0 ? Math.min(Math.max(statementTimeoutMs / 1000, least), most) : most;
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
  const [first = url] = urlsOfHosts(url);
  return decodeURIComponent(new URL(first).password);
}
