/** The background task erases in one process at a time, stops at once, and is off behind a pooler. */
import { sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { type Test, test } from 'tap';
import { runRetention, startRetention } from '../src/retention.js';
import { startService } from './helpers/app.js';
import { createDatabase, isDistributed, openDatabase } from './helpers/database.js';
import { fill } from './helpers/filled.js';
import { pick } from './helpers/json.js';
import { waitForLockedSessions } from './helpers/locks.js';
import { memoryLogger } from './helpers/logger.js';
import { keepsPreparedStatements, startPgBouncer } from './helpers/pgbouncer.js';
import { waitUntil } from './helpers/wait.js';

const settings = { retentionDays: 30, slugHoldDays: 10 };
const spaces = '/namespaces/acme/spaces';

/** Starts the task of a process, and reads its metric. */
function startMeasured(t: Test, database: { url: string; prepare: boolean }) {
  const registry = new Registry();
  const { logger } = memoryLogger();
  t.teardown(startRetention({ ...settings, database, logger, registry }));
  const completedAt = async () => {
    const metric = await registry.getSingleMetric('retention_completed_timestamp_seconds')?.get();
    return metric?.values[0]?.value;
  };
  return { completedAt };
}

test('the retention runs in one process at a time, and not after an abort', async (t) => {
  const url = await createDatabase(t, { direct: true });
  const db = openDatabase(t, url, { poolMax: 2 });
  const database = { url, prepare: true };
  const run = () => runRetention({ ...settings, database, pauseRatio: 0 });
  t.equal(await run(), 'completed');
  await db.transaction(async (held) => {
    await held.execute(sql`select pg_advisory_xact_lock(7233872)`);
    t.equal(await run(), 'interrupted', 'another process has the lock');
  });
  t.equal(await run(), 'completed');
  t.equal(
    await runRetention({
      ...settings,
      database,
      pauseRatio: 0,
      signal: AbortSignal.abort(),
    }),
    'interrupted',
  );
});

test('nothing is erased behind a pooler, because its sessions cannot hold a lock', async (t) => {
  if (isDistributed) {
    t.comment(
      'NOT CHECKED: the retention behind PgBouncer, which refuses the options that Citus needs.',
    );
    return;
  }
  if ((await keepsPreparedStatements()) === null) {
    t.comment('NOT CHECKED: no pgbouncer is installed, so the retention did not run behind one.');
    return;
  }
  const url = new URL(await createDatabase(t, { direct: true }));
  const pooler = await startPgBouncer(url.href);
  t.teardown(() => pooler.stop());
  url.port = new URL(pooler.url).port;
  const database = { url: url.href, prepare: false };
  t.equal(await runRetention({ ...settings, database }), 'pooled');

  // The task runs at once, instead of at a random time in the first hour.
  t.intercept(Math, 'random', { value: () => 0 });
  const { completedAt } = startMeasured(t, database);
  await waitUntil(
    'the metric of a task that runs nothing',
    async () => (await completedAt()) === 0,
  );
});

test('before its first run the metric of the retention is the start of the process', async (t) => {
  const before = Date.now() / 1000;
  const url = await createDatabase(t, { direct: true });
  const at = await startMeasured(t, { url, prepare: true }).completedAt();
  t.ok(Number(at) >= Math.floor(before) && Number(at) <= Date.now() / 1000, String(at));
});

test('a stop does not wait for a running statement, which takes effect as a whole or not at all', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const service = await startService(t, { databaseUrl });
  const owner = await service.as('owner');
  const { json } = await owner.post('/namespaces', { slug: 'acme' });
  await fill(owner, 'lab');
  await owner.delete(`${spaces}/lab/episodes/run`);
  await service.db.execute(sql`update episodes set deleted_at = now() - interval '40 days'`);
  const other = openDatabase(t, databaseUrl, { poolMax: 2 });
  const stop = new AbortController();
  await other.transaction(async (held) => {
    // Of one namespace: Citus locks no others.
    const ownEpisodes = sql`episodes where namespace_id = ${pick(json, 'id')}`;
    await held.execute(sql`select from ${ownEpisodes} for update`);
    const database = { url: databaseUrl, prepare: true };
    const { signal } = stop;
    const run = runRetention({ ...settings, database, pauseRatio: 0, signal });
    await waitForLockedSessions(other.$client);
    stop.abort();
    t.equal(await run, 'interrupted');
  });
  // One statement reads both, because PostgreSQL may still execute the interrupted one.
  const [counts] = await service.db.execute<{ episodes: number; assets: number }>(sql`
    select (select count(*)::int from episodes) as episodes, (select count(*)::int from assets) as assets`);
  t.equal(
    counts?.assets,
    Number(counts?.episodes) + 1,
    'the episode and its asset are erased together',
  );
});
