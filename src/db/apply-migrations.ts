import { setTimeout } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { MigrationMeta } from 'drizzle-orm/migrator';
import type { Database } from './client.js';
import { DatabaseNotReadyError, sqlState } from './errors.js';

/** The key of the advisory lock: any number, but the same in every process. */
const LOCK = '7233871';

/** How often a process tries to get the lock while another one migrates. */
const POLL_MS = 250;

/**
 * The first line of a migration whose statements run one by one outside of a transaction, as `CREATE INDEX
 * CONCURRENTLY` requires. Each of them must be idempotent.
 */
export const OUTSIDE = '-- outside a transaction';

/** How long a migration waits for locks. */
export interface LockLimits {
  /** of one attempt; requests of the same table wait behind it meanwhile */
  timeoutMs: number;
  /** between attempts, so that the waiting requests continue */
  pauseMs: number;
  attempts: number;
  /** of a statement outside of a transaction, which no request waits behind */
  concurrentTimeoutMs: number;
}

const defaultLimits: LockLimits = {
  timeoutMs: 100,
  pauseMs: 900,
  attempts: 120,
  concurrentTimeoutMs: 120_000,
};

/** Another session holds a lock: lock_not_available, deadlock_detected. */
const lockStates = new Set(['55P03', '40P01']);

/**
 * Runs `work` in one process at a time.
 *
 * @param db a separate pool: the lock belongs to an open transaction, so that it also works behind a pooler
 */
export async function withMigrationLock(db: Database, work: () => Promise<void>): Promise<void> {
  // CREATE INDEX CONCURRENTLY waits for all older snapshots. A statement that waits for the lock has one, a
  // transaction of a higher isolation level keeps one, and a statement with parameters keeps one until the next
  // statement of its transaction.
  const options = { isolationLevel: 'read committed' } as const;
  for (;;) {
    const isDone = await db.transaction(async (tx) => {
      const [lock] = await tx.execute<{ held: boolean }>(sql`
        select pg_try_advisory_xact_lock(${sql.raw(LOCK)}) as held,
          set_config('idle_in_transaction_session_timeout', '0', true)`);
      if (lock?.held) await work();
      return lock?.held === true;
    }, options);
    if (isDone) return;
    await setTimeout(POLL_MS);
  }
}

/**
 * Applies the missing migrations, each in its own transaction. Maintains the same table as the migrator of
 * drizzle-orm, which would apply all of them in one transaction.
 *
 * @param db a pool of one connection
 * @throws `DatabaseNotReadyError` when a lock could not be acquired; earlier migrations stay applied
 */
export async function applyMigrations(
  db: Database,
  migrations: readonly MigrationMeta[],
  limits: LockLimits = defaultLimits,
): Promise<void> {
  await db.execute(sql`create schema if not exists drizzle`);
  await db.execute(sql`
    create table if not exists drizzle.__drizzle_migrations
      (id serial primary key, hash text not null, created_at bigint)`);
  const [applied] = await db.execute<{ newest: string | null }>(
    sql`select max(created_at) as newest from drizzle.__drizzle_migrations`,
  );
  const newest = Number(applied?.newest ?? -1);
  for (const migration of migrations) {
    if (migration.folderMillis <= newest) continue;
    if (migration.sql[0]?.startsWith(OUTSIDE)) await applyOutside(db, migration, limits);
    else await applyInTransaction(db, migration, limits);
  }
}

async function applyInTransaction(
  db: Database,
  migration: MigrationMeta,
  limits: LockLimits,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    let current = '';
    try {
      await db.transaction(async (tx) => {
        await tx.execute(sql`
          select set_config('lock_timeout', ${`${limits.timeoutMs}ms`}, true),
            set_config('statement_timeout', '0', true)`);
        for (const statement of migration.sql) {
          current = statement;
          await tx.execute(sql.raw(statement));
        }
        await tx.execute(record(migration));
      });
      return;
    } catch (error) {
      if (!lockStates.has(sqlState(error) ?? '')) throw error;
      if (attempt >= limits.attempts) throw lockError(current, error);
    }
    await setTimeout(limits.pauseMs);
  }
}

async function applyOutside(
  db: Database,
  migration: MigrationMeta,
  limits: LockLimits,
): Promise<void> {
  // For the session, because there is no transaction. Behind a pooler, statements of the service may get this
  // session: harmless, because their statement timeout is shorter.
  await db.execute(
    sql`select set_config('lock_timeout', ${`${limits.concurrentTimeoutMs}ms`}, false)`,
  );
  for (const statement of migration.sql) {
    try {
      await dropUnfinishedIndex(db, statement);
      await db.execute(sql.raw(statement));
    } catch (error) {
      throw lockStates.has(sqlState(error) ?? '') ? lockError(statement, error) : error;
    }
  }
  await db.execute(sql`reset lock_timeout`);
  await db.execute(record(migration));
}

/** Drops the invalid index that an interrupted `CREATE INDEX CONCURRENTLY` leaves behind. */
async function dropUnfinishedIndex(db: Database, statement: string): Promise<void> {
  const name =
    /^create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?"(\w+)"/im.exec(
      statement,
    )?.[1];
  if (name === undefined) return;
  const unfinished = await db.execute(sql`
    select 1 from pg_index where indexrelid = to_regclass(quote_ident(${name})) and not indisvalid`);
  if (unfinished.length === 0) return;
  await db.execute(sql`drop index concurrently if exists ${sql.identifier(name)}`);
}

function record({ hash, folderMillis }: MigrationMeta) {
  return sql`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${folderMillis})`;
}

function lockError(statement: string, cause: unknown): DatabaseNotReadyError {
  const lines = statement.split('\n').filter((line) => line.trim() !== '' && !/^\s*--/.test(line));
  return new DatabaseNotReadyError(
    `Another session holds a lock that a migration needs (${lines[0]?.trim() ?? ''}). Find it in pg_stat_activity ("Where to look" in docs/runbook.md), wait for it or end it, and migrate again: the migration resumes here.`,
    { cause },
  );
}
