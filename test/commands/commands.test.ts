import { sql } from 'drizzle-orm';
import { type Test, test } from 'tap';
import { fillTable } from '../../src/commands/tables.js';
import { isMigrated } from '../../src/db/migrate.js';
import { SECRET, startService } from '../helpers/app.js';
import { createDatabase, openDatabase } from '../helpers/database.js';
import { startProgram } from '../helpers/process.js';

async function run(t: Test, command: [string, ...string[]], env: Record<string, string> = {}) {
  const program = startProgram(t, command, env);
  const code = await program.ended;
  return { code, output: program.output().trim() };
}

test('the token command creates a token for a subject, limited to scopes', async (t) => {
  const { send } = await startService(t);
  const { code, output } = await run(
    t,
    ['commands/token', '--sub', 'alice', '--scope', 'namespaces:read spaces:read'],
    { JWT_SECRET: SECRET },
  );
  t.equal(code, 0);
  const headers = { authorization: `Bearer ${output}` };
  t.equal((await send({ method: 'GET', path: '/namespaces', headers })).status, 200);
  const body = { slug: 'acme' };
  t.equal((await send({ method: 'POST', path: '/namespaces', headers, body })).status, 403);
});

test('the token command reports missing settings', async (t) => {
  const nobody = await run(t, ['commands/token']);
  t.equal(nobody.code, 1);
  t.match(nobody.output, /^Usage: node dist\/commands\/token\.js --sub SUBJECT .*$/);

  const issued = await run(t, ['commands/token', '--sub', 'alice'], {
    JWT_JWKS_URL: 'https://issuer.test/jwks',
  });
  t.equal(issued.code, 1);
  t.match(issued.output, /^JWT_JWKS_URL is set: tokens come from that issuer\.$/);
});

test('the token command needs no database, and in production a secret', async (t) => {
  const command: [string, ...string[]] = ['commands/token', '--sub', 'alice'];
  const production = { NODE_ENV: 'production' };
  const signed = await run(t, command, { ...production, JWT_SECRET: SECRET });
  t.match(signed, { code: 0, output: /^eyJ\S+$/ });
  const unset = await run(t, command, production);
  t.same(unset, { code: 1, output: 'Set JWT_SECRET to the secret of the service.' });
});

test('a command that fails prints its cause in one line, and exits with 1', async (t) => {
  const real = new URL(await createDatabase(t, { direct: true }));
  const database = (url: string) => ({ DATABASE_URL: url });
  const missing = new URL(real);
  missing.pathname = '/none';
  const stranger = new URL(real);
  stranger.username = 'stranger';
  const databases = {
    'an unreachable database': [
      database('postgres://nobody@127.0.0.1:1/none'),
      /^The database of DATABASE_URL cannot be reached: .*$/,
    ],
    'an unknown host': [
      database('postgres://nobody@nowhere.invalid/none'),
      /^A host name in DATABASE_URL or HOST cannot be resolved: .*$/,
    ],
    'no such database': [database(missing.href), /^PostgreSQL reports an error: .*"none".*$/],
    'a user without access': [
      database(stranger.href),
      /^PostgreSQL reports an error: .*"stranger".*$/,
    ],
    'an invalid URL': [database('nonsense'), /^The configuration is not valid\. DATABASE_URL .*$/],
  } as const;
  for (const [title, [env, sentence]] of Object.entries(databases)) {
    for (const command of ['commands/migrate', 'commands/purge'] as const) {
      t.match(await run(t, [command], env), { code: 1, output: sentence }, `${command}: ${title}`);
    }
  }
  const token = (...args: string[]) => run(t, ['commands/token', ...args], { JWT_SECRET: SECRET });
  const bogus = await token('--sub', 'alice', '--expires', 'bogus');
  t.match(bogus, { code: 1, output: /^--expires must be a duration, such as .*$/ });
  t.match(await token('--subject', 'alice'), { code: 1, output: /^Usage: .*$/ });
});

test('the migrate command applies all migrations', async (t) => {
  const DATABASE_URL = await createDatabase(t, { empty: true });
  const db = openDatabase(t, DATABASE_URL);
  t.equal(await isMigrated(db), false);
  t.match(await run(t, ['commands/migrate'], { DATABASE_URL }), { code: 0 });
  t.equal(await isMigrated(db), true);
  t.match(await run(t, ['commands/migrate'], { DATABASE_URL }), { code: 0 }, 'a second run');
  const production = { DATABASE_URL, NODE_ENV: 'production' };
  t.match(await run(t, ['commands/migrate'], production), { code: 0 }, 'without a key for tokens');
});

test('the migrate command reports a missing database', async (t) => {
  const { code, output } = await run(t, ['commands/migrate']);
  t.equal(code, 1);
  t.equal(output, 'Set DATABASE_URL to the database to migrate.');
});

test('the purge command ends after one run, and reports missing settings', async (t) => {
  const DATABASE_URL = await createDatabase(t, { direct: true });
  const purge = (env: Record<string, string>) => run(t, ['commands/purge'], env);
  const done = { code: 0, output: /Everything past its retention is erased\.$/ };
  t.match(await purge({ DATABASE_URL, NODE_ENV: 'production' }), done);
  t.match(await purge({}), { code: 1, output: /^Set DATABASE_URL/ });
  const forever = { DATABASE_URL, RETENTION_DAYS: '0' };
  t.match(await purge(forever), done, 'without retention, for the erasures of owners');
});

test('the purge command exits with 3 while another process runs the retention', async (t) => {
  const DATABASE_URL = await createDatabase(t, { direct: true });
  const outcome = await openDatabase(t, DATABASE_URL).transaction(async (held) => {
    await held.execute(sql`select pg_advisory_xact_lock(7233872)`);
    return run(t, ['commands/purge'], { DATABASE_URL });
  });
  t.same(outcome, { code: 3, output: 'Another process is running the retention.' });
});

test('a table is written between its markers, and not at all without them', (t) => {
  const readme = 'Before\n<!-- codes -->\nold\n<!-- /codes -->\nAfter\n';
  const filled = 'Before\n<!-- codes -->\none\ntwo\n<!-- /codes -->\nAfter\n';
  t.equal(fillTable(readme, 'codes', ['one', 'two']), filled);
  t.throws(
    () => fillTable(readme, 'others', []),
    /The document lacks the markers of the table "others"/,
  );
  t.end();
});
