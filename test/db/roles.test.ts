import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { type Test, test } from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { migrate } from '../../src/db/migrate.js';
import { expectSession } from '../../src/db/session.js';
import { startService } from '../helpers/app.js';
import { createDatabase, openDatabase, testServer } from '../helpers/database.js';
import { operations } from '../helpers/operations.js';
import { startServer } from '../helpers/process.js';
import { startRefusingPooler } from '../helpers/refusing-pooler.js';
import { members, seedNamespace } from '../helpers/seed.js';

const INSUFFICIENT_PRIVILEGE = '42501';

/** @returns `drizzle/roles.sql` for a role of another name, without the commands of psql */
async function readScript(role: string): Promise<string> {
  const script = await readFile('drizzle/roles.sql', 'utf8');
  return script.replaceAll('spaces_service', role).replaceAll(/^\\.*$/gm, '');
}

/**
 * Creates the role of `drizzle/roles.sql` under a name of its own, because roles belong to the whole
 * server.
 *
 * @param url of the database, as a superuser
 * @param runUrl the same with the role that runs the script
 * @returns the same with the created role
 */
async function createServiceRole(t: Test, url: string, runUrl = url): Promise<string> {
  const owner = openDatabase(t, url);
  const role = `service_${new URL(url).pathname.slice(1)}`;
  // Without parameters the driver sends a script of several statements unchanged.
  await openDatabase(t, runUrl).$client.unsafe(await readScript(role));
  await owner.execute(sql.raw(`alter role ${role} password 'service'`));
  t.teardown(async () => {
    await owner.execute(sql.raw(`drop owned by ${role}`));
    await owner.execute(sql.raw(`drop role ${role}`));
  });
  return withRole(url, role, 'service');
}

function withRole(url: string, role: string, password: string): string {
  return Object.assign(new URL(url), { username: role, password }).href;
}

/** Creates a migrated database whose owner is not a superuser. @returns its URL as a superuser and as the owner */
async function createOwnedDatabase(
  t: Test,
  attribute: 'createrole' | 'nocreaterole',
): Promise<{ url: string; ownerUrl: string }> {
  const admin = openDatabase(t, testServer().url);
  const owner = `owner_${randomUUID().replaceAll('-', '')}`;
  await admin.execute(sql.raw(`create role ${owner} login ${attribute} password 'owner'`));
  t.teardown(() => admin.execute(sql.raw(`drop role ${owner}`)));
  const url = await createDatabase(t, { direct: true, empty: true });
  const name = new URL(url).pathname.slice(1);
  await admin.execute(sql.raw(`alter database ${name} owner to ${owner}`));
  const ownerUrl = withRole(url, owner, 'owner');
  await migrate(ownerUrl);
  return { url, ownerUrl };
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

for (const runner of ['the owner', 'a superuser']) {
  test(`after drizzle/roles.sql by ${runner}, the role uses the tables, also those that the owner creates later`, async (t) => {
    const { url, ownerUrl } = await createOwnedDatabase(t, 'createrole');
    const runUrl = runner === 'the owner' ? ownerUrl : url;
    const service = openDatabase(t, await createServiceRole(t, url, runUrl));
    t.same([...(await service.execute('select id from namespaces'))], []);
    await openDatabase(t, ownerUrl).execute('create table later (id int)');
    await service.execute('insert into later values (1)');
    t.same([...(await service.execute('select id from later'))], [{ id: 1 }]);
  });
}

test('drizzle/roles.sql changes nothing if the owner may not create roles', async (t) => {
  const script = await readScript('service_of_nobody');
  t.match(await readFile('drizzle/roles.sql', 'utf8'), /^\\set ON_ERROR_STOP on\nbegin;$/m);
  const { url, ownerUrl } = await createOwnedDatabase(t, 'nocreaterole');
  const owner = postgres(ownerUrl, { max: 1 });
  await t.rejects(owner.unsafe(script), { code: INSUFFICIENT_PRIVILEGE });
  await owner.end();
  const rights = sql`select datacl from pg_database where datname = current_database()`;
  t.same([...(await openDatabase(t, url).execute(rights))], [{ datacl: null }]);
});

test('drizzle/roles.sql can be repeated', async (t) => {
  const { url, ownerUrl } = await createOwnedDatabase(t, 'createrole');
  const { username } = new URL(await createServiceRole(t, url, ownerUrl));
  const script = await readScript(username);
  await t.resolves(async () => openDatabase(t, ownerUrl).$client.unsafe(script));
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
