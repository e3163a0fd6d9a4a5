/** Rows deleted longer ago than the retention are erased for good, and nothing is ever seen half erased. */
import { sql } from 'drizzle-orm';
import { type Test, test } from 'tap';
import { eraseExpired } from '../../src/repositories/retention/index.js';
import { type Client, type Service, startService } from '../helpers/app.js';
import { addAssets, countRows, fill } from '../helpers/filled.js';
import { pick } from '../helpers/json.js';

const settings = { retentionDays: 30, slugHoldDays: 10 };
const OLD = '40 days';
const YOUNG = '20 days';
const spaces = '/namespaces/acme/spaces';

/** More than one batch. */
const MANY_ASSETS = 1_200;

async function start(t: Test): Promise<{ service: Service; owner: Client }> {
  const service = await startService(t);
  const owner = await service.as('owner');
  await owner.post('/namespaces', { slug: 'acme' });
  return { service, owner };
}

/** Dates deletions back. */
async function age({ db }: Service, table: string, which: string, by: string): Promise<void> {
  await db.execute(
    sql.raw(`update ${table} set deleted_at = now() - interval '${by}' where ${which}`),
  );
}

async function erase({ db }: Service): Promise<void> {
  for await (const { rows } of eraseExpired(db, settings)) if (rows < 0) throw new Error('rows');
}

test('of a namespace nothing is left, and its neighbours stay', async (t) => {
  const { service, owner } = await start(t);
  await fill(owner, 'lab');
  const before = await countRows(service);
  await owner.post('/namespaces', { slug: 'gone' });
  await owner.put('/namespaces/gone/members/guest', { role: 'editor' });
  await fill(owner, 'lab', 'gone');
  await owner.patch('/namespaces/gone/spaces/lab', { slug: 'renamed' });
  await owner.send({
    method: 'POST',
    path: '/namespaces/gone/spaces',
    body: { name: 'Keyed' },
    headers: { 'idempotency-key': 'key' },
  });
  await owner.delete('/namespaces/gone');
  await age(service, 'namespaces', `slug = 'gone'`, YOUNG);
  await erase(service);
  t.equal((await owner.post('/namespaces/gone/restore')).status, 200, 'young ones can be restored');

  await owner.delete('/namespaces/gone');
  await age(service, 'namespaces', `slug = 'gone'`, OLD);
  await erase(service);
  t.same(await countRows(service), before);
  t.equal((await owner.post('/namespaces/gone/restore')).status, 404);
  const stranger = await service.as('stranger');
  t.equal((await stranger.post('/namespaces', { slug: 'gone' })).status, 201, 'the slug is free');
});

test('a namespace stays as long as its slug is reserved for its owners', async (t) => {
  const { service, owner } = await start(t);
  await owner.delete('/namespaces/acme');
  await age(service, 'namespaces', 'true', OLD);
  for await (const erased of eraseExpired(service.db, { ...settings, slugHoldDays: 50 })) {
    t.equal(erased.rows, 0, `nothing is due of ${erased.table}`);
  }
  t.equal((await owner.post('/namespaces/acme/restore')).status, 200);
});

test('spaces, episodes and assets go by their own age, and their lists get another validator', async (t) => {
  const { service, owner } = await start(t);
  for (const slug of ['old', 'young', 'active']) await fill(owner, slug);
  for (const slug of ['old', 'young']) await owner.delete(`${spaces}/${slug}`);
  await age(service, 'spaces', `slug = 'old'`, OLD);
  await age(service, 'spaces', `slug = 'young'`, YOUNG);
  const active = `${spaces}/active`;
  for (const name of ['old', 'young']) {
    await owner.post(`${active}/episodes`, { name });
    const asset = { path: `/${name}`, kind: 'file', uri: 's3://bucket/key' };
    await owner.post(`${active}/assets`, { ...asset, episode: name });
    const { json } = await owner.post(`${active}/assets`, asset);
    await owner.delete(`${active}/assets/${String(pick(json, 'id'))}`);
    await owner.delete(`${active}/episodes/${name}`);
  }
  const isOld = { episodes: `name = 'old'`, assets: `local_path = '/old'` };
  for (const [table, which] of Object.entries(isOld)) {
    await age(service, table, `deleted_at is not null and ${which}`, OLD);
  }
  const lists = ['', '/active/episodes', '/active/assets'].map(
    (path) => `${spaces}${path}?state=deleted`,
  );
  const before = await Promise.all(lists.map((path) => owner.get(path)));
  t.same(
    before.map(({ json }) => pick(json, 'total')),
    [2, 2, 4],
  );
  const contents = pick((await owner.get(active)).json, 'contents');

  await erase(service);
  const after = await Promise.all(lists.map((path) => owner.get(path)));
  t.same(
    after.map(({ json }) => pick(json, 'total')),
    [1, 1, 2],
  );
  for (const [index, path] of lists.entries()) {
    const etag = String(before[index]?.headers['etag']);
    const again = await owner.send({ method: 'GET', path, headers: { 'if-none-match': etag } });
    t.equal(again.status, 200, `${path} is another list`);
  }
  t.same(pick((await owner.get(active)).json, 'contents'), contents, 'what is active stays');
  t.equal((await owner.post(`${spaces}/old/restore`)).status, 404);
  t.equal((await owner.post(`${active}/episodes/old/restore`)).status, 404);
  t.equal((await owner.post(`${active}/episodes`, { name: 'old' })).status, 201, 'a free name');
  t.equal((await owner.post(`${active}/episodes/young/restore`)).status, 200);
  t.equal((await owner.post(`${spaces}/young/restore`)).status, 200);
  t.same(pick((await owner.get(`${spaces}/young`)).json, 'contents'), {
    folders: 1,
    episodes: 1,
    assets: 2,
  });
});

test('expired idempotency keys go, the others are honoured', async (t) => {
  const { service, owner } = await start(t);
  const create = (name: string) =>
    owner.send({
      method: 'POST',
      path: spaces,
      body: { name },
      headers: { 'idempotency-key': name },
    });
  for (const name of ['a', 'b']) await create(name);
  await service.db.execute(
    sql`update idempotency_keys set expires_at = now() - interval '1 minute' where key = 'a'`,
  );
  await erase(service);
  t.match(await countRows(service), { idempotency_keys: 1 });
  t.equal((await create('b')).headers['idempotent-replayed'], 'true');
});

test('a space is restored whole or not at all while it is erased', async (t) => {
  const { service, owner } = await start(t);
  const slugs = Array.from({ length: 8 }, (_, index) => `s${index}`);
  for (const slug of slugs) {
    await fill(owner, slug);
    await owner.delete(`${spaces}/${slug}`);
  }
  await addAssets(service, 's3', MANY_ASSETS);
  await age(service, 'spaces', 'true', OLD);
  const restored: string[] = [];
  const waiting = [...slugs];
  const gone: string[] = [];
  for await (const { table } of eraseExpired(service.db, settings)) {
    const slug = waiting.shift();
    if (slug !== undefined) {
      const { status } = await owner.post(`${spaces}/${slug}/restore`);
      t.ok(status === 200 || status === 404, `${slug} after ${table}: ${status}`);
      (status === 200 ? restored : gone).push(slug);
    }
    const totalOf = async (query: string) =>
      Number(pick((await owner.get(`${spaces}?${query}`)).json, 'total'));
    const deleted = gone.length > 0 ? 0 : waiting.length;
    t.equal(await totalOf('state=deleted'), deleted, 'a list shows all that can be restored');
    t.equal(await totalOf('state=all'), restored.length + deleted);
    t.equal(await totalOf('state=all&q=s'), restored.length + deleted);
  }
  t.ok(restored.length > 0 && gone.length > 0, 'before it began and after');
  for (const slug of restored) {
    t.same(pick((await owner.get(`${spaces}/${slug}`)).json, 'contents'), {
      folders: 1,
      episodes: 1,
      assets: 2,
    });
  }
  t.match(await countRows(service), {
    spaces: restored.length,
    assets: 2 * restored.length,
    episodes: restored.length,
    folders: restored.length,
  });
});

test('the scan finds old rows among any number of others', async (t) => {
  const { service } = await start(t);
  const rows = 1_201;
  await service.db.execute(sql`
    insert into spaces (namespace_id, id, name, slug, tags, deleted_at)
    select id, gen_random_uuid(), 'Space', 's', '[]',
      now() - make_interval(days => case when i % 3 = 0 then 40 else 20 end)
    from namespaces, generate_series(1, ${rows}::int) i`);
  await service.db.execute(sql`
    insert into idempotency_keys (namespace_id, subject, operation, key, fingerprint, answer, expires_at)
    select id, 's ' || i % 7, 'o', 'k ' || i, 'f', '{}', now() + make_interval(hours => case when i % 3 = 0 then -1 else 1 end)
    from namespaces, generate_series(1, ${rows}::int) i`);
  await erase(service);
  const kept = rows - Math.floor(rows / 3);
  t.match(await countRows(service), { spaces: kept, idempotency_keys: kept });
});

test('two runs at once erase each row once', async (t) => {
  const { service, owner } = await start(t);
  await fill(owner, 'kept');
  const kept = await countRows(service);
  await fill(owner, 'large');
  await addAssets(service, 'large', MANY_ASSETS);
  await owner.delete(`${spaces}/large`);
  await owner.post('/namespaces', { slug: 'gone' });
  await owner.put('/namespaces/gone/members/guest', { role: 'editor' });
  await fill(owner, 'lab', 'gone');
  await owner.delete('/namespaces/gone');
  for (const table of ['namespaces', 'spaces']) {
    await age(service, table, 'deleted_at is not null', OLD);
  }
  const rows: Record<string, number> = {};
  const run = async () => {
    for await (const erased of eraseExpired(service.db, settings)) {
      if (erased.rows > 0) rows[erased.table] = (rows[erased.table] ?? 0) + erased.rows;
    }
  };
  await Promise.all([run(), run()]);
  t.same(await countRows(service), kept);
  t.same(rows, {
    ...{ namespaces: 1, members: 1, spaces: 2, folders: 2, episodes: 2 },
    assets: MANY_ASSETS + 4,
  });
});

test('a run that is interrupted after any statement is finished by the next', async (t) => {
  const { service, owner } = await start(t);
  await fill(owner, 'kept');
  const kept = await countRows(service);
  for (let statements = 1; ; statements += 1) {
    await owner.post('/namespaces', { slug: 'gone' });
    await fill(owner, 'lab', 'gone');
    await owner.delete('/namespaces/gone');
    await age(service, 'namespaces', `slug = 'gone'`, OLD);
    let done = 0;
    for await (const { rows } of eraseExpired(service.db, settings)) {
      if (rows < 0 || (done += 1) === statements) break;
    }
    await erase(service);
    t.same(await countRows(service), kept, `after ${statements}`);
    if (done < statements) break;
  }
});
