/** Runs on Citus alone (`npm run test:citus`). The rules of erasures are in test/repositories/retention.test.ts. */
import { sql } from 'drizzle-orm';
import { type Test, test } from 'tap';
import { eraseExpired } from '../../src/repositories/retention/index.js';
import type { Client, Service } from '../helpers/app.js';
import { executions, startObserved } from '../helpers/executions.js';
import { countRows, fill } from '../helpers/filled.js';
import { pick } from '../helpers/json.js';
import { startProgram } from '../helpers/process.js';

const settings = { retentionDays: 30, slugHoldDays: 10 };
const spaces = '/namespaces/acme/spaces';

async function start(t: Test): Promise<{ service: Service; owner: Client }> {
  const service = await startObserved(t);
  const owner = await service.as('owner');
  await owner.post('/namespaces', { slug: 'acme' });
  await fill(owner, 'kept');
  return { service, owner };
}

/** Deletes a space with a saved response, and an episode and an asset of another. */
async function deleteContents(owner: Client): Promise<void> {
  await fill(owner, 'gone');
  await owner.send({
    method: 'POST',
    path: `${spaces}/gone/restore`,
    headers: { 'idempotency-key': 'key' },
  });
  await owner.delete(`${spaces}/gone`);
  await owner.post(`${spaces}/kept/episodes`, { name: 'gone' });
  const asset = { path: '/gone', kind: 'file', uri: 's3://bucket/key' };
  await owner.post(`${spaces}/kept/assets`, { ...asset, episode: 'gone' });
  await owner.delete(`${spaces}/kept/episodes/gone`);
  const { json } = await owner.post(`${spaces}/kept/assets`, asset);
  await owner.delete(`${spaces}/kept/assets/${String(pick(json, 'id'))}`);
}

/** Dates all deletions back. */
async function age({ db }: Service): Promise<void> {
  for (const table of ['namespaces', 'spaces', 'episodes', 'assets'].map(sql.identifier)) {
    await db.execute(
      sql`update ${table} set deleted_at = now() - interval '40 days' where deleted_at is not null`,
    );
  }
}

test('the retention asks all workers what is due, and erases contents of a namespace on its own', async (t) => {
  const { service, owner } = await start(t);
  const kept = await countRows(service);
  /** @returns how many statements were for several shards */
  const erase = async (expected: Record<string, number>): Promise<number> => {
    const rows: Record<string, number> = {};
    const [, before] = await executions(service.db);
    for await (const erased of eraseExpired(service.db, settings)) {
      if (erased.rows > 0) rows[erased.table] = (rows[erased.table] ?? 0) + erased.rows;
    }
    const [, after] = await executions(service.db);
    t.same(rows, expected);
    return after - before;
  };
  const scans = await erase({});
  t.equal(scans, 5, 'one of each kind');
  await deleteContents(owner);
  await age(service);
  const expected = { idempotency_keys: 1, spaces: 1, folders: 1, episodes: 2, assets: 4 };
  t.equal(await erase(expected), scans);
  t.same(await countRows(service), kept);
});

test('db:purge erases what is due of every kind', async (t) => {
  const { service, owner } = await start(t);
  const kept = await countRows(service);
  await deleteContents(owner);
  await owner.post('/namespaces', { slug: 'gone' });
  await owner.put('/namespaces/gone/members/guest', { role: 'editor' });
  await fill(owner, 'lab', 'gone');
  await owner.send({
    method: 'PATCH',
    path: spaces + '/kept',
    body: { description: 'Keyed' },
    headers: { 'idempotency-key': 'key' },
  });
  await owner.delete('/namespaces/gone');
  await age(service);
  await service.db.execute(
    sql`update idempotency_keys set expires_at = now() - interval '1 minute'`,
  );
  const env = { DATABASE_URL: service.databaseUrl };
  const purge = startProgram(t, ['commands/purge'], env);
  t.equal(await purge.ended, 0, purge.output());
  t.match(purge.output(), /namespaces: 1\n.*Everything past its retention is erased\.\n$/s);
  t.same(await countRows(service), kept);
});
