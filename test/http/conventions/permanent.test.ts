/** `DELETE …?permanent=true` erases a small resource at once, and a large one in the background. */
import { type SQL, sql } from 'drizzle-orm';
import { type Test, test } from 'tap';
import { eraseExpired } from '../../../src/repositories/retention/index.js';
import { type Client, type Service, startService } from '../../helpers/app.js';
import { createDatabase, openDatabase } from '../../helpers/database.js';
import { addAssets, countRows, fill } from '../../helpers/filled.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';
import { assertProblem, INVALID } from '../../helpers/spaces.js';
import { waitUntil } from '../../helpers/wait.js';

const spaces = '/namespaces/acme/spaces';

/** More than two batches. */
const MANY = 1_200;

async function start(
  t: Test,
  options: Parameters<typeof startService>[1] = {},
): Promise<{ service: Service; owner: Client; ownEpisodes: SQL }> {
  const service = await startService(t, options);
  const owner = await service.as('owner');
  const { json } = await owner.post('/namespaces', { slug: 'acme' });
  await owner.put('/namespaces/acme/members/editor', { role: 'editor' });
  // Of one namespace: Citus locks no others.
  const ownEpisodes = sql`episodes where namespace_id = ${pick(json, 'id')}`;
  return { service, owner, ownEpisodes };
}

const totalOf = async (client: Client, query = '') =>
  pick((await client.get(`${spaces}${query}`)).json, 'total');

/** Waits until the erasure has ended. */
const ended = (client: Client, path: string) =>
  waitUntil(`${path} to end`, async () => (await client.get(path)).status === 404);

test('an owner erases an active space: no row is left, and its slugs are free', async (t) => {
  const { service, owner } = await start(t);
  await fill(owner, 'kept');
  const before = await countRows(service);
  await fill(owner, 'lab');
  await owner.patch(`${spaces}/lab`, { slug: 'renamed' });
  const editor = await service.as('editor');
  const rejected = await editor.delete(`${spaces}/renamed?permanent=true`);
  isProblem(t, rejected, 'insufficient_role');
  const stranger = await service.as('stranger');
  isProblem(t, await stranger.delete(`${spaces}/renamed?permanent=true`), 'namespace_not_found');
  t.equal((await owner.get(`${spaces}/renamed`)).status, 200, 'the space still exists');

  const erased = await owner.delete(`${spaces}/renamed?permanent=true`);
  t.match(erased, { status: 204, text: '' });
  t.same(await countRows(service), before);
  t.equal(await totalOf(owner), 1);
  t.equal(await totalOf(owner, '?state=all'), 1);
  for (const slug of ['lab', 'renamed']) {
    isProblem(
      t,
      await owner.post(`${spaces}/${slug}/restore`),
      'space_not_found',
      `no ${slug} to restore`,
    );
    t.equal(
      (await owner.get(`${spaces}/${slug}/erasure`)).status,
      404,
      `no erasure of ${slug} is running`,
    );
  }
  isProblem(t, await owner.delete(`${spaces}/renamed?permanent=true`), 'space_not_found');
  t.equal((await owner.post(spaces, { name: 'Renamed' })).status, 201, 'the slug is free');
});

test('a deletion without permanent=true can be restored; another value is 400', async (t) => {
  const { owner } = await start(t);
  await fill(owner, 'lab');
  t.equal((await owner.delete(`${spaces}/lab?permanent=false`)).status, 204);
  t.equal((await owner.post(`${spaces}/lab/restore`)).status, 200);
  const unclear = await owner.delete(`${spaces}/lab?permanent=yes`);
  assertProblem(t, unclear, INVALID, 'permanent=yes', ['/permanent']);
  t.equal((await owner.get(`${spaces}/lab`)).status, 200);
});

test('permanent=true is 400 for contents, which stay active', async (t) => {
  const { owner } = await start(t);
  await fill(owner, 'lab');
  const lab = '/namespaces/acme/projects/lab';
  const assets = await owner.get(`${lab}/assets`);
  const { headers } = await owner.post(`${lab}/folders`, { path: '/empty' });
  const paths = [
    `${lab}/episodes/run`,
    `${lab}/assets/${String(pick(assets.json, 'assets', 1, 'id'))}`,
    String(headers['location']),
  ];
  for (const path of paths) {
    for (const query of ['permanent=true', 'permanent=false&permanent=true', 'permanent=1']) {
      const rejected = await owner.delete(`${path}?${query}`);
      assertProblem(t, rejected, INVALID, `${path}?${query}`, ['/permanent']);
      t.match(rejected.json, { detail: /\/permanent .* erased after RETENTION_DAYS/ });
    }
    t.equal((await owner.get(path)).status, 200, `${path} is active`);
    t.equal((await owner.delete(`${path}?permanent=false&other=1`)).status, 204, path);
  }
});

test('permanent=true erases the last deleted space of the slug, or the one that If-Match names', async (t) => {
  const { owner } = await start(t);
  const etags: string[] = [];
  for (const description of ['first', 'second', 'third']) {
    await owner.post(spaces, { name: 'Lab', description });
    etags.push(String((await owner.delete(`${spaces}/lab`)).headers['etag']));
  }
  const [first = ''] = etags;
  const erase = (headers: Record<string, string>) =>
    owner.send({ method: 'DELETE', path: `${spaces}/lab?permanent=true`, headers });
  t.equal((await erase({})).status, 204);
  t.equal((await erase({ 'if-match': first })).status, 204);
  isProblem(t, await erase({ 'if-match': first }), 'precondition_failed');
  t.equal(await totalOf(owner, '?state=deleted'), 1);
  const { json } = await owner.post(`${spaces}/lab/restore`);
  t.match(json, { description: 'second' });
  isProblem(
    t,
    await erase({ 'if-match': '"other"' }),
    'precondition_failed',
    'the active space has another tag',
  );
  t.equal((await owner.get(`${spaces}/lab`)).status, 200);
  t.equal((await erase({ 'if-match': '*' })).status, 204);
  t.equal(await totalOf(owner, '?state=all'), 0);
});

test('an erased namespace, active or deleted, leaves no row, and its slugs are free', async (t) => {
  const { service, owner } = await start(t);
  await fill(owner, 'lab');
  const before = await countRows(service);
  for (const isDeleted of [false, true]) {
    await owner.post('/namespaces', { slug: 'former' });
    await owner.patch('/namespaces/former', { slug: 'gone' });
    await owner.put('/namespaces/gone/members/guest', { role: 'editor' });
    await owner.put('/namespaces/gone/members/partner', { role: 'owner' });
    await fill(owner, 'lab', 'gone');
    await fill(owner, 'deleted', 'gone');
    await owner.delete('/namespaces/gone/spaces/deleted');
    const guest = await service.as('guest');
    isProblem(t, await guest.delete('/namespaces/gone?permanent=true'), 'insufficient_role');
    if (isDeleted) await owner.delete('/namespaces/gone');
    t.match(await owner.delete('/namespaces/gone?permanent=true'), { status: 204 });
    t.same(await countRows(service), before, isDeleted ? 'a deleted one' : 'an active one');
    isProblem(t, await owner.get('/namespaces/gone/erasure'), 'namespace_not_found');
    isProblem(t, await owner.post('/namespaces/gone/restore'), 'namespace_not_found');
    t.match((await guest.get('/namespaces')).json, { total: 0 });
  }
  const stranger = await service.as('stranger');
  for (const slug of ['gone', 'former']) {
    t.equal((await stranger.post('/namespaces', { slug })).status, 201, `${slug} is free`);
    t.equal(
      (await owner.delete(`/namespaces/${slug}?permanent=true`)).status,
      404,
      'for its former owner',
    );
  }
});

test('a large space is 404 at once, and is erased in the background', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const db = openDatabase(t, databaseUrl, { statementTimeoutMs: 60_000 });
  const { service, owner, ownEpisodes } = await start(t, { databaseUrl, db });
  await owner.post(spaces, { name: 'Kept' });
  const before = await countRows(service);
  await fill(owner, 'lab');
  await addAssets(service, 'lab', MANY);
  const other = openDatabase(t, databaseUrl);
  const location = '/namespaces/acme/projects/lab/erasure';
  await other.transaction(async (held) => {
    // Episodes come after assets: the erasure waits for this one.
    await held.execute(sql`select from ${ownEpisodes} for update`);
    const begun = await owner.delete(`${spaces}/lab?permanent=true`);
    t.match(begun, { status: 202, headers: { location, 'retry-after': /^\d+$/ }, text: '' });
    t.match(await owner.get(location), { status: 200, json: { status: 'running' } });
    const editor = await service.as('editor');
    isProblem(t, await editor.get(location), 'insufficient_role', 'only an owner reads the status');
    isProblem(t, await owner.get(`${spaces}/lab`), 'space_not_found');
    isProblem(t, await owner.get(`${spaces}/lab/assets`), 'space_not_found');
    isProblem(t, await owner.post(`${spaces}/lab/restore`), 'space_not_found');
    const totals = { '': 1, '?state=all': 1, '?state=deleted': 0, '?state=all&q=lab': 0 };
    for (const [query, total] of Object.entries(totals)) {
      t.equal(await totalOf(owner, query), total, `no list shows it: ${query}`);
    }
    t.equal((await owner.post(spaces, { name: 'Lab', slug: 'lab' })).status, 201);
    await owner.delete(`${spaces}/lab?permanent=true`);
  });
  await ended(owner, location);
  t.same(await countRows(service), before);
});

test('a large namespace is erased with its members and their counters', async (t) => {
  const { service, owner } = await start(t);
  const before = await countRows(service);
  const { json } = await owner.post('/namespaces', { slug: 'gone' });
  await fill(owner, 'lab', 'gone');
  const guests = sql`select 'guest ' || i as subject from generate_series(1, ${MANY}::int) i`;
  await service.db.execute(sql`
    insert into members (namespace_id, subject, role)
    select ${pick(json, 'id')}, subject, 'viewer' from (${guests}) as guests`);
  await service.db.execute(sql`
    insert into subject_counters (subject, memberships, created)
    select subject, 1, 0 from (${guests}) as guests`);
  t.equal((await owner.delete('/namespaces/gone?permanent=true')).status, 202);
  const guest = await service.as('guest 1');
  t.match((await guest.get('/namespaces')).json, { total: 0 });
  await ended(owner, '/namespaces/gone/erasure');
  t.same(await countRows(service), before);
});

test('the retention finishes an erasure that a stop interrupted, even if it keeps deleted spaces', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const db = openDatabase(t, databaseUrl, { statementTimeoutMs: 60_000 });
  const { service, owner, ownEpisodes } = await start(t, { databaseUrl, db });
  await fill(owner, 'deleted');
  await owner.delete(`${spaces}/deleted`);
  const kept = await countRows(service);
  await fill(owner, 'lab');
  await addAssets(service, 'lab', MANY);
  const other = openDatabase(t, databaseUrl);
  const closed = await other.transaction(async (held) => {
    await held.execute(sql`select from ${ownEpisodes} and deleted_at is null for update`);
    t.equal((await owner.delete(`${spaces}/lab?permanent=true`)).status, 202);
    return [service.app.close()];
  });
  await Promise.all(closed);
  t.match(await countRows(service), { spaces: 2 }, 'the erasure is unfinished');
  const rows: number[] = [];
  for await (const erased of eraseExpired(db, { retentionDays: 0, slugHoldDays: 0 })) {
    rows.push(erased.rows);
  }
  t.ok(rows.length > 0);
  t.same(await countRows(service), kept);
});

test('a second DELETE finishes an erasure that failed', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const { service, owner, ownEpisodes } = await start(t, { databaseUrl });
  const db = openDatabase(t, databaseUrl, { statementTimeoutMs: 1_000 });
  const hasty = await (await startService(t, { databaseUrl, db })).as('owner');
  await owner.post(spaces, { name: 'Kept' });
  const before = await countRows(service);
  await fill(owner, 'lab');
  const other = openDatabase(t, databaseUrl);
  await other.transaction(async (held) => {
    await held.execute(sql`select from ${ownEpisodes} for update`);
    t.equal((await hasty.delete(`${spaces}/lab?permanent=true`)).status, 202);
    t.equal((await owner.get(`${spaces}/lab/erasure`)).status, 200);
  });
  t.equal((await owner.delete(`${spaces}/lab?permanent=true`)).status, 204);
  t.same(await countRows(service), before);
});

test('concurrent writes and erasures leave no row', async (t) => {
  const { service, owner } = await start(t);
  await fill(owner, 'kept');
  const before = await countRows(service);
  for (let round = 0; round < 5; round += 1) {
    await owner.post(spaces, { name: 'Lab', slug: 'lab' });
    const writes = Array.from({ length: 12 }, (_, index) => [
      owner.post(`${spaces}/lab/episodes`, { name: `run-${index}`, folder: `/${index % 3}` }),
      owner.post(`${spaces}/lab/assets`, {
        path: `/new/${index}`,
        kind: 'file',
        uri: 's3://bucket/key',
      }),
    ]).flat();
    const erasures = [1, 2, 3].map(() => owner.delete(`${spaces}/lab?permanent=true`));
    for (const { status } of await Promise.all(writes))
      t.ok([201, 404].includes(status), `${status}`);
    const statuses = (await Promise.all(erasures)).map(({ status }) => status);
    t.ok(statuses.includes(204), `a 204 among ${statuses.join(', ')}`);
    t.ok(statuses.every((status) => status === 204 || status === 404));
    t.same(await countRows(service), before);
    t.equal(await totalOf(owner), 1);
  }
});
