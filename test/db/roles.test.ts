import { readFile } from 'node:fs/promises';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { type Test, test } from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { migrate } from '../../src/db/migrate.js';
import { expectSession } from '../../src/db/session.js';
import { startService } from '../helpers/app.js';
import { createDatabase, openDatabase } from '../helpers/database.js';
import { operations } from '../helpers/operations.js';
import { startServer } from '../helpers/process.js';
import { startRefusingPooler } from '../helpers/refusing-pooler.js';
import { members, seedNamespace } from '../helpers/seed.js';

const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Creates the role of `drizzle/roles.sql` under a name of its own, because roles belong to the whole
 * server.
 *
 * @returns the URL of the database with this role
 */
async function createServiceRole(t: Test, url: string): Promise<string> {
  const owner = openDatabase(t, url);
  const role = `service_${new URL(url).pathname.slice(1)}`;
  const script = await readFile('drizzle/roles.sql', 'utf8');
  // Without parameters the driver sends a script of several statements unchanged.
  await owner.$client.unsafe(script.replaceAll('spaces_service', role));
  await owner.execute(sql.raw(`alter role ${role} password 'service'`));
  t.teardown(async () => {
    await owner.execute(sql.raw(`drop owned by ${role}`));
    await owner.execute(sql.raw(`drop role ${role}`));
  });
  const serviceUrl = new URL(url);
  serviceUrl.username = role;
  serviceUrl.password = 'service';
  return serviceUrl.href;
}

test('sessions of the role of drizzle/roles.sql have the settings of the service behind a pooler', async (t) => {
  const url = await createServiceRole(t, await createDatabase(t, { direct: true }));
  const { statementTimeoutMs } = loadConfig({}).database;
  const pooled = await startRefusingPooler(t, url);
  t.equal(await expectSession({ url: pooled, statementTimeoutMs, prepare: true }), null);
});

test('every operation succeeds as the role of drizzle/roles.sql', async (t) => {
  const databaseUrl = await createServiceRole(t, await createDatabase(t, { direct: true }));
  await migrate(databaseUrl);
  const service = await startService(t, { databaseUrl });
  const owner = await service.as(members.owner);
  for (const [index, { title, status, request }] of operations.entries()) {
    await seedNamespace(service, `team-${index}`);
    t.equal((await owner.send(request(`team-${index}`))).status, status, title);
  }
  t.equal((await service.send({ method: 'GET', path: '/readyz' })).status, 200);
});

test('the role of drizzle/roles.sql may not create, alter or drop anything', async (t) => {
  const client = postgres(await createServiceRole(t, await createDatabase(t, { direct: true })), {
    max: 1,
  });
  t.teardown(() => client.end());
  for (const statement of [
    'create table public.more (id int)',
    'create table drizzle.more (id int)',
    'create temporary table more (id int)',
    'create schema more',
    'create function public.more() returns int language sql as $$ select 1 $$',
    'create role more',
    'create database more',
    'create extension file_fdw',
    'alter table spaces add column more int',
    'alter table spaces disable trigger all',
    'create index on spaces (name)',
    'drop table spaces',
    'truncate spaces',
    'insert into drizzle.__drizzle_migrations (hash, created_at) values (1, 1)',
    'delete from drizzle.__drizzle_migrations',
    "copy spaces to program 'cat'",
    "select pg_read_file('postgresql.conf')",
    'select passwd from pg_shadow',
  ]) {
    await t.rejects(client.unsafe(statement), { code: INSUFFICIENT_PRIVILEGE }, statement);
  }
});

test('the role of drizzle/roles.sql reads and writes the tables of later migrations', async (t) => {
  const url = await createDatabase(t, { direct: true });
  const service = openDatabase(t, await createServiceRole(t, url));
  await openDatabase(t, url).execute('create table later (id int)');
  await service.execute('insert into later values (1)');
  t.same([...(await service.execute('select id from later'))], [{ id: 1 }]);
});

test('the process starts with the role of drizzle/roles.sql, with and without MIGRATE_ON_START', async (t) => {
  const DATABASE_URL = await createServiceRole(t, await createDatabase(t, { direct: true }));
  const JWT_SECRET = 'a secret that is only used by the tests';
  for (const MIGRATE_ON_START of ['true', 'false']) {
    const env = { DATABASE_URL, JWT_SECRET, MIGRATE_ON_START, NODE_ENV: 'production', PORT: '0' };
    const server = startServer(t, env);
    await server.waitFor(/Server listening/);
    server.child.kill('SIGTERM');
    t.equal(await server.ended, 0, `MIGRATE_ON_START=${MIGRATE_ON_START}`);
  }
});
