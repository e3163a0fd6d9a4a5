import { sql } from 'drizzle-orm';
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator';
import postgres from 'postgres';
import { type Test, test } from 'tap';
import { applyMigrations, type LockLimits, OUTSIDE } from '../../src/db/apply-migrations.js';
import type { Database } from '../../src/db/client.js';
import { DatabaseNotReadyError } from '../../src/db/errors.js';
import { startService } from '../helpers/app.js';
import { createDatabase, openDatabase } from '../helpers/database.js';

const limits: LockLimits = { timeoutMs: 50, pauseMs: 1, attempts: 2, concurrentTimeoutMs: 50 };
const patient = { ...limits, attempts: Infinity, concurrentTimeoutMs: 0 };

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

/** @returns which of the migrations made here are applied */
async function applied(db: Database): Promise<string[]> {
  const rows = await db.execute<{ hash: string }>(
    sql`select hash from drizzle.__drizzle_migrations where created_at >= ${9e12} order by id`,
  );
  return rows.map(({ hash }) => hash);
}

/** @returns whether the index `added_index` can be used; null where it is not there */
async function isValid(db: Database): Promise<boolean | null> {
  const [row] = await db.execute<{ valid: boolean }>(
    sql`select indisvalid as valid from pg_index where indexrelid = to_regclass('added_index')`,
  );
  return row?.valid ?? null;
}

/** @returns the backends that wait for a lock, with the transaction they wait in */
function waiting(db: Database) {
  return db.execute<{ pid: number; transaction: string }>(sql`
    select pid, virtualtransaction as transaction from pg_locks
    where not granted and pid in (select pid from pg_stat_activity where datname = current_database())`);
}

test('requests go on while a migration waits for its lock, and it is applied when it has it', async (t) => {
  const { databaseUrl, db, holder, observer } = await setUp(t);
  const service = await startService(t, { databaseUrl });
  const olga = await service.as('olga');
  await olga.post('/namespaces', { slug: 'lab' });

  await holder`begin`;
  await holder`select from spaces`;
  const migrating = applyMigrations(db, [column], patient);
  const attempts = new Set<string>();
  const statuses = new Set<number>();
  for (let turn = 0; attempts.size < 5; turn += 1) {
    for (const { transaction } of await waiting(observer)) attempts.add(transaction);
    const made = await olga.post('/namespaces/lab/spaces', { name: `Arm ${turn}` });
    const listed = await olga.get('/namespaces/lab/spaces');
    statuses.add(made.status).add(listed.status);
  }
  t.same([...statuses].sort(), [200, 201]);
  t.same(await applied(observer), []);

  await holder`commit`;
  await migrating;
  t.same(await applied(observer), ['column']);
  t.equal((await olga.get('/namespaces/lab/spaces')).status, 200);
});

test('a lock that is never let go ends a migration with an error that names it', async (t) => {
  const { db, holder, observer } = await setUp(t);
  const first = migration('first', 'create table added (id int)');
  await holder`begin`;
  await holder`select from spaces`;
  const error = await applyMigrations(db, [first, column], limits).catch((it: unknown) => it);
  t.type(error, DatabaseNotReadyError);
  t.match(error, { message: /a lock .*\(alter table spaces add column added text\)/ });
  t.same(await applied(observer), ['first'], 'those before it stay');

  await holder`commit`;
  await applyMigrations(db, [first, column], limits);
  t.same(await applied(observer), ['first', 'column']);
});

test('so does a transaction that an index built concurrently waits for', async (t) => {
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

test('an index whose build was interrupted is built anew', async (t) => {
  const { db, holder, observer } = await setUp(t);
  await holder`begin`;
  await holder`lock table spaces in row exclusive mode`;
  const interrupted = applyMigrations(db, [index], patient).catch((it: unknown) => it);
  let pid: number | undefined;
  while (pid === undefined) pid = (await waiting(observer))[0]?.pid;
  await observer.execute(sql`select pg_terminate_backend(${pid})`);
  t.type(await interrupted, Error);
  t.equal(await isValid(observer), false);
  t.same(await applied(observer), []);

  await holder`commit`;
  await applyMigrations(db, [index], limits);
  t.equal(await isValid(observer), true);
  t.same(await applied(observer), ['the index']);
});

test('a migration outside a transaction can be interrupted behind each of its statements', async (t) => {
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
      await applyMigrations(db, migrations, patient);
      t.same(await definitions(), expected);
    }
  }
});
