import { sql } from 'drizzle-orm';
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator';
import postgres from 'postgres';
import { type Test, test } from 'tap';
import { applyMigrations, type LockLimits, OUTSIDE } from '../../src/db/apply-migrations.js';
import type { Database } from '../../src/db/client.js';
import { DatabaseNotReadyError } from '../../src/db/errors.js';
import { startService } from '../helpers/app.js';
import { createDatabase, openDatabase } from '../helpers/database.js';
import { waitForValue, waitUntil } from '../helpers/wait.js';

const limits: LockLimits = { timeoutMs: 50, pauseMs: 1, attempts: 2, concurrentTimeoutMs: 50 };
const unlimited = { ...limits, attempts: Infinity, concurrentTimeoutMs: 0 };

/** @returns a migration that is newer than those of the build */
function migration(name: string, ...statements: string[]): MigrationMeta {
  return { sql: statements, bps: true, folderMillis: 9e12 + name.length, hash: name };
}

const column = migration('column', 'alter table spaces add column added text');
const index = migration(
  'the index',
  `${OUTSIDE}\ncreate index concurrently if not exists "added_index" on spaces (name)`,
);

async function setUp(t: Test) {
  const databaseUrl = await createDatabase(t, { direct: true });
  const holder = postgres(databaseUrl, { max: 1, prepare: false });
  t.teardown(() => holder.end());
  const db = openDatabase(t, databaseUrl, { poolMax: 1, statementTimeoutMs: 0, prepare: false });
  return { databaseUrl, db, holder, observer: openDatabase(t, databaseUrl) };
}

/** @returns the names of the applied migrations that this test has made */
async function applied(db: Database): Promise<string[]> {
  const rows = await db.execute<{ hash: string }>(
    sql`select hash from drizzle.__drizzle_migrations where created_at >= ${9e12} order by id`,
  );
  return rows.map(({ hash }) => hash);
}

/** @returns whether the index `added_index` is valid; null where it does not exist */
async function isValid(db: Database): Promise<boolean | null> {
  const [row] = await db.execute<{ valid: boolean }>(
    sql`select indisvalid as valid from pg_index where indexrelid = to_regclass('added_index')`,
  );
  return row?.valid ?? null;
}

/** @returns the backends that wait for a lock, with their transactions */
function waiting(db: Database) {
  return db.execute<{ pid: number; transaction: string }>(sql`
    select pid, virtualtransaction as transaction from pg_locks
    where not granted and pid in (select pid from pg_stat_activity where datname = current_database())`);
}

test('requests succeed while a migration waits for its lock, and it is applied when the lock is free', async (t) => {
  const { databaseUrl, db, holder, observer } = await setUp(t);
  const service = await startService(t, { databaseUrl });
  const olga = await service.as('olga');
  await olga.post('/namespaces', { slug: 'lab' });

  await holder`begin`;
  await holder`select from spaces`;
  const migrating = applyMigrations(db, [column], unlimited);
  const attempts = new Set<string>();
  const statuses = new Set<number>();
  let names = 0;
  await waitUntil('five attempts of the migration', async () => {
    for (const { transaction } of await waiting(observer)) attempts.add(transaction);
    const created = await olga.post('/namespaces/lab/spaces', { name: `Arm ${(names += 1)}` });
    const listed = await olga.get('/namespaces/lab/spaces');
    statuses.add(created.status).add(listed.status);
    return attempts.size >= 5;
  });
  t.same([...statuses].sort(), [200, 201]);
  t.same(await applied(observer), []);

  await holder`commit`;
  await migrating;
  t.same(await applied(observer), ['column']);
  t.equal((await olga.get('/namespaces/lab/spaces')).status, 200);
});

test('a lock that is never released ends a migration with an error that names the statement', async (t) => {
  const { db, holder, observer } = await setUp(t);
  const first = migration('first', 'create table added (id int)');
  await holder`begin`;
  await holder`select from spaces`;
  const error = await applyMigrations(db, [first, column], limits).catch((it: unknown) => it);
  t.type(error, DatabaseNotReadyError);
  t.match(error, { message: /a lock .*\(alter table spaces add column added text\)/ });
  t.same(await applied(observer), ['first'], 'earlier migrations stay applied');

  await holder`commit`;
  await applyMigrations(db, [first, column], limits);
  t.same(await applied(observer), ['first', 'column']);
});

test('a transaction that a concurrent index build waits for ends the migration with an error that names the statement', async (t) => {
  const { db, holder, observer } = await setUp(t);
  await holder`begin`;
  await holder`lock table spaces in row exclusive mode`;
  const error = await applyMigrations(db, [index], limits).catch((it: unknown) => it);
  t.type(error, DatabaseNotReadyError);
  t.match(error, { message: /a lock .*\(create index concurrently/ });
  t.equal(await isValid(observer), false);

  await holder`commit`;
  await applyMigrations(db, [index], limits);
  t.equal(await isValid(observer), true);
  t.same(await applied(observer), ['the index']);
});

test('the next run of a migration rebuilds an index whose build was interrupted', async (t) => {
  const { db, holder, observer } = await setUp(t);
  await holder`begin`;
  await holder`lock table spaces in row exclusive mode`;
  const interrupted = applyMigrations(db, [index], unlimited).catch((it: unknown) => it);
  const pid = await waitForValue(
    'the build of the index to wait for a lock',
    async () => (await waiting(observer))[0]?.pid,
  );
  await observer.execute(sql`select pg_terminate_backend(${pid})`);
  t.type(await interrupted, Error);
  t.equal(await isValid(observer), false);
  t.same(await applied(observer), []);

  await holder`commit`;
  await applyMigrations(db, [index], limits);
  t.equal(await isValid(observer), true);
  t.same(await applied(observer), ['the index']);
});

test('a migration outside a transaction can be interrupted after each of its statements', async (t) => {
  const { db } = await setUp(t);
  const definitions = async () => [
    ...(await db.execute(
      sql`select indexname, indexdef from pg_indexes where schemaname = 'public' order by indexname`,
    )),
  ];
  const expected = await definitions();
  const migrations = readMigrationFiles({ migrationsFolder: 'drizzle' });
  const outside = migrations.filter(({ sql: [first] }) => first?.startsWith(OUTSIDE));
  t.ok(outside.length >= 2, `${outside.length} migrations`);
  for (const { sql: statements, folderMillis } of outside) {
    for (const [last] of statements.entries()) {
      for (const statement of statements.slice(0, last + 1)) await db.execute(sql.raw(statement));
      await db.execute(
        sql`delete from drizzle.__drizzle_migrations where created_at >= ${folderMillis}`,
      );
      await applyMigrations(db, migrations, unlimited);
      t.same(await definitions(), expected);
    }
  }
});
