import { setTimeout } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { connect, type DatabaseOptions } from './db/client.js';
import { isPooled } from './db/session.js';
import { type Erased, erasedTables } from './repositories/retention/containers.js';
import { PAUSE_RATIO } from './repositories/retention/erasures.js';
import { eraseExpired, type RetentionSettings } from './repositories/retention/index.js';

/** The key of the advisory lock: the same in every process, and different from that of migrations. */
const LOCK = 7_233_872;

/** Longer than for requests: only statements that hang are cancelled. */
const STATEMENT_TIMEOUT_MS = 60_000;

const INTERVAL_MS = 60 * 60_000;

interface RunOptions extends RetentionSettings {
  database: Omit<DatabaseOptions, 'poolMax' | 'statementTimeoutMs'>;
  signal?: AbortSignal;
  onErased?: (erased: Erased) => void;
  pauseRatio?: number;
}

export type RetentionOutcome = 'completed' | 'interrupted' | 'pooled';

/**
 * Erases everything that was deleted before the retention period, on a separate connection, unless another
 * process is doing so. The next run continues where this one stops.
 *
 * @returns `completed` if nothing is left to erase, `interrupted` if another process holds the lock or the run
 *   was stopped, `pooled` behind a pooler, where a session lock does not work
 */
export async function runRetention({
  database,
  signal,
  onErased,
  pauseRatio = PAUSE_RATIO,
  ...settings
}: RunOptions): Promise<RetentionOutcome> {
  const db = connect({ ...database, poolMax: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  // A shutdown does not wait for the current statement, which is atomic.
  const stop = () => void db.$client.end({ timeout: 0 });
  signal?.addEventListener('abort', stop, { once: true });
  try {
    let since = performance.now();
    const holdsLock = async () => {
      // A session can acquire its lock repeatedly; after a reconnect it has to.
      const [row] = await db.execute<{ held: boolean }>(
        sql`select pg_try_advisory_lock(${LOCK}) as held`,
      );
      return row?.held === true && signal?.aborted !== true;
    };
    if (await isPooled(db)) return 'pooled';
    if (!(await holdsLock())) return 'interrupted';
    for await (const erased of eraseExpired(db, settings)) {
      onErased?.(erased);
      await setTimeout((performance.now() - since) * pauseRatio, undefined, { signal }).catch(
        () => undefined,
      );
      if (!(await holdsLock())) return 'interrupted';
      since = performance.now();
    }
    return 'completed';
  } catch (error) {
    if (signal?.aborted) return 'interrupted';
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    await db.$client.end({ timeout: 1 });
  }
}

interface TaskOptions extends Pick<
  RunOptions,
  'database' | 'retentionDays' | 'slugHoldDays' | 'onErased'
> {
  logger: Logger;
  registry?: Registry | undefined;
}

/**
 * Adds the metric of rows erased by the retention and by permanent deletions.
 *
 * @returns a function that adds to the counter
 */
export function countErased(registry: Registry): (erased: Erased) => void {
  const rows = new Counter({
    name: 'retention_erased_rows_total',
    help: 'Permanently erased rows, by table',
    labelNames: ['table'],
    registers: [registry],
  });
  // So that a rate includes the first row.
  for (const table of erasedTables) rows.inc({ table }, 0);
  return ({ table, rows: count }) => {
    rows.inc({ table }, count);
  };
}

/**
 * Runs the retention once an hour, beginning at a random time in the first hour.
 *
 * @returns a function that stops it
 */
export function startRetention({ logger, registry, ...options }: TaskOptions) {
  const abort = new AbortController();
  const registers = registry ? [registry] : [];
  const completed = new Gauge({
    name: 'retention_completed_timestamp_seconds',
    help: 'When this process last completed a run, before the first one its start, in seconds since the Unix epoch; 0 behind a pooler, where it runs none',
    aggregator: 'max',
    registers,
  });
  // So that the age is right also if no run is ever completed.
  completed.setToCurrentTime();
  const run = async () => {
    let wait = Math.random() * INTERVAL_MS;
    for (;;) {
      await setTimeout(wait, undefined, { signal: abort.signal, ref: false });
      try {
        const outcome = await runRetention({ ...options, signal: abort.signal });
        if (outcome === 'completed') completed.setToCurrentTime();
        if (outcome === 'pooled') {
          completed.set(0);
          return;
        }
      } catch (error) {
        logger.error({ err: error }, 'the retention failed; it runs again in an hour');
      }
      wait = INTERVAL_MS;
    }
  };
  // Rejects only when it is aborted.
  const ended = run().catch(() => undefined);
  return async () => {
    abort.abort();
    await ended;
  };
}
