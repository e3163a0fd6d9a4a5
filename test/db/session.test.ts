/** Sessions of a pooler that rejects the settings of the service. */
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { type Test, test } from 'tap';
import { DatabaseNotReadyError } from '../../src/db/errors.js';
import { expectSession, isPooled } from '../../src/db/session.js';
import { planning, semantics } from '../../src/db/settings.js';
import { SECRET } from '../helpers/app.js';
import { createDatabase, openDatabase } from '../helpers/database.js';
import { keepsPreparedStatements, startPgBouncer } from '../helpers/pgbouncer.js';
import { startServer } from '../helpers/process.js';
import { startRefusingPooler } from '../helpers/refusing-pooler.js';

const service = { statementTimeoutMs: 1000, prepare: true };

/** Creates a database, and a role whose settings the test may change. */
async function open(t: Test) {
  const direct = new URL(await createDatabase(t, { direct: true }));
  const admin = postgres(direct.href, { max: 1, onnotice: () => undefined });
  t.teardown(() => admin.end());
  const role = `pooled_${direct.pathname.slice(-12)}`;
  await admin.unsafe(`create role ${role} login password 'pooled'`);
  t.teardown(() => admin.unsafe(`drop role ${role}`));
  direct.username = role;
  direct.password = 'pooled';
  const pooled = await startRefusingPooler(t, direct.href);
  return { direct: direct.href, pooled, role, admin };
}

/** @returns the statements in a message */
const statementsIn = (message = '') => message.match(/alter role [^;]*;/g) ?? [];

test('statements run without the settings of the service where a pooler rejects them', async (t) => {
  const { pooled } = await open(t);
  const db = openDatabase(t, pooled, { poolMax: 3, prepare: true });
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      db.execute<{ index: number }>(sql`select ${index}::int as index`),
    ),
  );
  t.same(
    answers.map(([row]) => row?.index),
    answers.map((_, index) => index),
  );
  const [row] = await db.execute(sql`select current_setting('plan_cache_mode') as mode`);
  t.equal(row?.['mode'], 'auto', 'the setting of the server');
});

test('a start behind a rejecting pooler warns of slow sessions until the statements of the warning were run', async (t) => {
  const { direct, pooled, role, admin } = await open(t);
  t.equal(
    await expectSession({ url: direct, ...service }),
    null,
    'PostgreSQL accepts the settings',
  );
  const warning = (await expectSession({ url: pooled, ...service })) ?? '';
  const wanted = { ...planning, statement_timeout: '1000' };
  t.same(
    statementsIn(warning).toSorted(),
    Object.entries(wanted)
      .map(([name, value]) => `alter role ${role} set ${name} = '${value}';`)
      .toSorted(),
  );
  for (const statement of statementsIn(warning)) await admin.unsafe(statement);
  t.equal(await expectSession({ url: pooled, ...service }), null);
});

test('a start behind a rejecting pooler fails where a setting changes the meaning of statements', async (t) => {
  const { direct, pooled, role, admin } = await open(t);
  const others = {
    IntervalStyle: 'sql_standard',
    array_nulls: 'off',
    backslash_quote: 'off',
    bytea_output: 'escape',
    default_transaction_isolation: 'serializable',
    extra_float_digits: '-15',
    row_security: 'off',
    search_path: 'pg_catalog',
    transform_null_equals: 'on',
  };
  for (const [name, value] of Object.entries(others)) {
    await admin.unsafe(`alter role ${role} set ${name} = '${value}'`);
    t.equal(await expectSession({ url: direct, ...service }), null, `${name}: PostgreSQL itself`);
    const error: unknown = await expectSession({ url: pooled, ...service }).catch(
      (reason: unknown) => reason,
    );
    t.type(error, DatabaseNotReadyError, name);
    const statements = statementsIn(error instanceof Error ? error.message : '');
    t.equal(statements.length, 1, name);
    for (const statement of statements) await admin.unsafe(statement);
    await t.resolves(expectSession({ url: pooled, ...service }), name);
  }
  t.same(
    Object.keys(semantics).filter((name) => !(name in others)),
    [],
    'every setting is tested',
  );
});

test('a setting of DATABASE_URL that a pooler rejects ends the start with one line that names it', async (t) => {
  const { pooled } = await open(t);
  const DATABASE_URL = `${pooled}?options=${encodeURIComponent('-c geqo=off')}`;
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0' });
  t.equal(await server.ended, 1);
  t.match(
    server.output().trim(),
    /^The pooler of DATABASE_URL rejects the setting options\. Set it for the role .*$/,
  );
});

test('PgBouncer is recognised as a pooler, and must keep prepared statements unless none are used', async (t) => {
  const { direct } = await open(t);
  t.equal(await isPooled(openDatabase(t, direct, { prepare: true })), false, 'PostgreSQL itself');
  const canPrepare = await keepsPreparedStatements();
  if (canPrepare === null) {
    t.comment('NOT CHECKED: no pgbouncer is installed, so none was started.');
    return;
  }
  const server = await createDatabase(t, { direct: true });
  const plain = await startPgBouncer(server);
  t.teardown(() => plain.stop());
  const url = new URL(server);
  url.port = new URL(plain.url).port;
  t.equal(await isPooled(openDatabase(t, url.href, { prepare: false })), true);
  await t.rejects(expectSession({ ...service, url: url.href }), {
    name: 'DatabaseNotReadyError',
    message: /does not support prepared statements.*DATABASE_PREPARE=false/,
  });
  await t.resolves(expectSession({ ...service, url: url.href, prepare: false }));
  if (!canPrepare) return;
  const keeping = await startPgBouncer(server, { prepared: true });
  t.teardown(() => keeping.stop());
  url.port = new URL(keeping.url).port;
  t.match(await expectSession({ ...service, url: url.href }), /statement_timeout/);
});
