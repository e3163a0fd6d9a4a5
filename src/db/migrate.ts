import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import { connect, type Database } from './client.js';
import { sqlState } from './errors.js';

// By way of package.json, because a bundle is not where this file is.
const migrationsFolder = fileURLToPath(
  new URL('..', import.meta.resolve('#drizzle/meta/_journal.json')),
);

/** Any number, as long as every replica takes the same one. */
const LOCK = 7_233_871;

const UNDEFINED_TABLE = '42P01';

/**
 * Brings the database to the newest migration. Safe to call from any number of processes at once:
 * they take turns, and only the first finds work. Changes nothing when there is nothing to apply, so
 * that a role which may not create tables can start the service.
 *
 * @param url of the database; a pooler in front of it is fine
 * @throws what PostgreSQL answers when a migration fails; nothing is applied then
 */
export async function migrate(url: string): Promise<void> {
  // Two connections, one to hold the lock. Building an index may take its time.
  const db = connect({ url, poolMax: 2, statementTimeoutMs: 0, prepare: false });
  try {
    if (await isMigrated(db)) return;
    await db.transaction(async (lock) => {
      await lock.execute(sql`select pg_advisory_xact_lock(${LOCK})`);
      await applyMigrations(db, { migrationsFolder });
    });
  } finally {
    await db.$client.end();
  }
}

/** When the newest migration of this build was made; its files are read once, because they do not change. */
let newestMigration: number | undefined;

/**
 * @returns whether the newest migration of this build has been applied
 * @throws when the database cannot be asked
 */
export async function isMigrated(db: Database): Promise<boolean> {
  newestMigration ??= readMigrationFiles({ migrationsFolder }).at(-1)?.folderMillis ?? 0;
  try {
    const [applied] = await db.execute<{ newest: string | null }>(
      sql`select max(created_at) as newest from drizzle.__drizzle_migrations`,
    );
    return Number(applied?.newest ?? 0) >= newestMigration;
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return false;
    throw error;
  }
}
