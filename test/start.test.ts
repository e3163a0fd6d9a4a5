/** Starts of the process with unusable databases, other schemas and unknown environments. */
import postgres from 'postgres';
import { test } from 'tap';
import { migrate } from '../src/db/migrate.js';
import { signToken } from '../src/development/token.js';
import { SECRET } from './helpers/app.js';
import { createDatabase, databaseUrl } from './helpers/database.js';
import { fetchInTime } from './helpers/fetch.js';
import { startServer } from './helpers/process.js';

test('a start with an unusable database prints its reason in one sentence', async (t) => {
  const empty = await createDatabase(t, { empty: true, direct: true });
  const admin = postgres(empty, { max: 1, onnotice: () => undefined });
  t.teardown(() => admin.end());
  const role = `poor_${new URL(empty).pathname.slice(-12)}`;
  await admin.unsafe(`create role ${role} login password 'poor'`);
  t.teardown(async () => {
    await admin.unsafe(`drop owned by ${role}`);
    await admin.unsafe(`drop role ${role}`);
  });
  const poor = new URL(empty);
  poor.username = role;
  poor.password = 'poor';
  const MIGRATE_ON_START = 'false';
  const rows: Record<string, [Record<string, string>, RegExp]> = {
    'not migrated': [{ DATABASE_URL: empty, MIGRATE_ON_START }, /^The database lacks the newest/],
    'no such database': [
      { DATABASE_URL: databaseUrl(empty, 'none'), MIGRATE_ON_START },
      /^PostgreSQL reports an error: database "none" does not exist$/,
    ],
    'an unreachable server': [
      { DATABASE_URL: 'postgres://127.0.0.1:1/none', MIGRATE_ON_START },
      /^The database of DATABASE_URL cannot be reached/,
    ],
    'a role without the right to create': [
      { DATABASE_URL: poor.href },
      /^The role poor_\w+ may not create tables in the schema public/,
    ],
    'an unknown parameter': [
      { DATABASE_URL: `${empty}?pgbouncer=true` },
      /DATABASE_URL has the unknown parameter pgbouncer: remove it\./,
    ],
    'an unsupported protocol': [
      { DATABASE_URL: empty, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      /OTEL_EXPORTER_OTLP_PROTOCOL must be http\/json\./,
    ],
    'an unsupported exporter': [
      { DATABASE_URL: empty, OTEL_TRACES_EXPORTER: 'zipkin' },
      /OTEL_TRACES_EXPORTER must be otlp or none\./,
    ],
  };
  for (const [title, [env, sentence]] of Object.entries(rows)) {
    const server = startServer(t, { JWT_SECRET: SECRET, PORT: '0', ...env });
    t.equal(await server.ended, 1, title);
    t.match(server.output().trim(), sentence, title);
    t.equal(server.output().trim().split('\n').length, 1, title);
  }
});

test('extensions may be in another schema, and the owner may have another search path', async (t) => {
  const url = await createDatabase(t, { empty: true, direct: true });
  const admin = postgres(url, { max: 1, onnotice: () => undefined });
  t.teardown(() => admin.end());
  const name = new URL(url).pathname.slice(1);
  await admin.unsafe('create schema extensions');
  for (const extension of ['pg_trgm', 'btree_gin']) {
    await admin.unsafe(`create extension ${extension} schema extensions`);
  }
  await admin.unsafe(`alter database ${name} set search_path to elsewhere`);
  await migrate(url);
  const [table] = await admin`select to_regclass('public.spaces') as found`;
  t.ok(table?.['found'], 'the tables are in public');
  const server = startServer(t, { DATABASE_URL: url, JWT_SECRET: SECRET, PORT: '0' });
  const [, origin = ''] = await server.waitFor(/API {9}(http:\S+)/);
  const token = await signToken(SECRET, { subject: 'olga', expiresIn: '1 hour' });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const post = (path: string, body: object) =>
    fetchInTime(origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
  t.equal((await post('/namespaces', { slug: 'team' })).status, 201);
  t.equal((await post('/namespaces/team/spaces', { name: 'Robot' })).status, 201);
  const found = await fetchInTime(`${origin}/namespaces/team/spaces?q=robot`, { headers });
  t.match(await found.json(), { total: 1 });
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
});

test('an unknown NODE_ENV is treated as production, and is reported', async (t) => {
  for (const NODE_ENV of ['prod', 'Production', 'staging']) {
    const DATABASE_URL = await createDatabase(t);
    const env = { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0', NODE_ENV, SHUTDOWN_DELAY_MS: '0' };
    const server = startServer(t, env);
    await server.waitFor(/Server listening/);
    server.child.kill('SIGTERM');
    t.equal(await server.ended, 0, NODE_ENV);
    t.match(server.output(), new RegExp(`NODE_ENV is "${NODE_ENV}"`), NODE_ENV);
    t.notMatch(server.output(), /TOKEN|curl/, NODE_ENV);
  }
});
