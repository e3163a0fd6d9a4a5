import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import t, { type Test, test } from 'tap';
import { type Answer, type Client, type Service, startService } from '../../helpers/app.js';
import { emptyDatabase, ROUND_TRIPS_PER_STATEMENT } from '../../helpers/database.js';
import { pick, pickString } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';
import { startCounted } from '../../helpers/proxy.js';
import { assertProblem, INVALID } from '../../helpers/spaces.js';

const spaces = '/namespaces/acme/spaces';

/** Two processes on one database, for every test that needs no other. */
const shared = await startService(t);
const replica = await startService(t, { databaseUrl: shared.databaseUrl });

/** A service with nothing but the namespace `acme`, in which `ed` is an editor. */
async function startAcme(t: Test, started: Service = shared) {
  await emptyDatabase(shared.db);
  const owner = await started.as('owner');
  await owner.post('/namespaces', { slug: 'acme' });
  await owner.put('/namespaces/acme/members/ed', { role: 'editor' });
  // A pool of its own, so that what it holds takes no connection of the service.
  const sql = postgres(started.databaseUrl, {
    max: 5,
    fetch_types: false,
    onnotice: () => undefined,
  });
  t.teardown(() => sql.end({ timeout: 1 }));
  return { service: started, owner, sql };
}

const post = (client: Client, path: string, key: string, body?: unknown): Promise<Answer> =>
  client.send({
    method: 'POST',
    path,
    headers: { 'idempotency-key': key },
    ...(body !== undefined && { body }),
  });

/** What a caller can tell two answers apart by. */
function comparable({ status, text, headers }: Answer) {
  return { status, text, location: headers.location, etag: headers.etag };
}

/** Asserts that the answer is the first one again, and says so. */
function isReplay(t: Test, answer: Answer, first: Answer, title: string): void {
  t.same(comparable(answer), comparable(first), title);
  t.equal(first.headers['idempotent-replayed'], undefined, `${title}: the first is no replay`);
  t.equal(answer.headers['idempotent-replayed'], 'true', `${title}: says so`);
}

const total = async (client: Client) => pick((await client.get(spaces)).json, 'total');

type Sql = postgres.Sql;

/**
 * Makes a request that creates the space `lab` wait in the midst of its statement: another space of
 * that name is written and not yet committed. It never will be.
 *
 * @returns lets the request go on
 */
async function holdLab(sql: Sql): Promise<() => Promise<void>> {
  // Without fetch_types postgres.js reserves no connection but one that is open already.
  await sql`select`;
  const connection = await sql.reserve();
  await connection`begin`;
  await connection`
    insert into spaces (namespace_id, id, name, slug, tags)
    select id, gen_random_uuid(), 'Held', 'lab', '[]' from namespaces where slug = 'acme'`;
  return async () => {
    await connection`rollback`;
    connection.release();
  };
}

/** Resolves with the process of PostgreSQL that waits for a lock, once there is one. */
async function waiting(sql: Sql): Promise<number> {
  for (;;) {
    const [row] = await sql<{ pid: number }[]>`
      select pid from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    if (row) return row.pid;
  }
}

const lab = '/namespaces/acme/projects/lab';

const makeLab = (owner: Client) => owner.post(spaces, { name: 'Lab' });

/** @returns the path of the first item of a list; of an empty one a path where nothing is */
async function firstOf(owner: Client, kind: 'folders' | 'assets', query: string): Promise<string> {
  const id = pick((await owner.get(`${lab}/${kind}${query}`)).json, kind, 0, 'id');
  return `${lab}/${kind}/${typeof id === 'string' ? id : randomUUID()}`;
}

/** Every POST: what comes before it, where it goes, and what undoes it. */
const operations: {
  title: string;
  path: string;
  body?: object;
  /** a body for the same statements that gets in the way of nothing */
  other?: object;
  prepare: (owner: Client) => Promise<unknown>;
  /** the effect, taken away: to have it a second time would show */
  undo: (owner: Client) => Promise<Answer>;
  /** reads what the operation writes */
  read: (owner: Client) => Promise<Answer>;
}[] = [
  {
    title: 'createSpace',
    path: spaces,
    body: { name: 'Lab', metadata: { nested: { list: [1, 'zwei', null] }, a: 'ä' } },
    prepare: () => Promise.resolve(),
    undo: (owner) => owner.delete(`${spaces}/lab`),
    read: (owner) => owner.get(`${spaces}/lab`),
  },
  {
    title: 'createSpaces',
    path: `${spaces}/batch`,
    body: { spaces: [{ name: 'Lab', metadata: { b: [1, 'zwei', null], a: 'ä' } }, { name: 'A' }] },
    other: { spaces: [{ name: 'Other' }] },
    prepare: () => Promise.resolve(),
    undo: async (owner) => {
      await owner.delete(`${spaces}/a`);
      return owner.delete(`${spaces}/lab`);
    },
    read: (owner) => owner.get(`${spaces}/lab`),
  },
  {
    title: 'restoreSpace',
    path: `${spaces}/lab/restore`,
    prepare: async (owner) => {
      await owner.post(spaces, { name: 'Lab', metadata: { a: 1 } });
      await owner.delete(`${spaces}/lab`);
    },
    undo: (owner) => owner.delete(`${spaces}/lab`),
    read: (owner) => owner.get(`${spaces}/lab`),
  },
  {
    title: 'createNamespace',
    path: '/namespaces',
    body: { slug: 'team', name: 'Team', metadata: { a: { b: [] } } },
    prepare: () => Promise.resolve(),
    undo: (owner) => owner.delete('/namespaces/team'),
    read: (owner) => owner.get('/namespaces/team'),
  },
  {
    title: 'restoreNamespace',
    path: '/namespaces/team/restore',
    // An older one that was deleted too must not be mistaken for the one that was restored.
    prepare: async (owner) => {
      for (const space of ['One', 'Two']) {
        await owner.post('/namespaces', { slug: 'team' });
        await owner.post('/namespaces/team/spaces', { name: space });
        await owner.delete('/namespaces/team');
      }
    },
    undo: (owner) => owner.delete('/namespaces/team'),
    read: (owner) => owner.get('/namespaces/team'),
  },
  {
    title: 'createFolder',
    path: `${lab}/folders`,
    body: { path: '/a/b', metadata: { z: 1, a: [null] } },
    other: { path: '/other' },
    prepare: makeLab,
    undo: async (owner) => owner.delete(await firstOf(owner, 'folders', '?parent=/a')),
    read: async (owner) => owner.get(await firstOf(owner, 'folders', '?parent=/a')),
  },
  {
    title: 'upsertEpisode',
    path: `${lab}/episodes`,
    body: { name: 'run', folder: '/runs', metadata: { z: 1, a: [null] } },
    other: { name: 'other', folder: '/runs' },
    prepare: makeLab,
    // The name of a deleted episode stays taken.
    undo: async (owner) => {
      const name = randomUUID();
      await owner.patch(`${lab}/episodes/run`, { name });
      return owner.delete(`${lab}/episodes/${name}`);
    },
    read: (owner) => owner.get(`${lab}/episodes/run`),
  },
  {
    title: 'restoreEpisode',
    path: `${lab}/episodes/old/restore`,
    prepare: async (owner) => {
      await makeLab(owner);
      await owner.post(`${lab}/episodes`, { name: 'old', folder: '/runs' });
      await owner.delete(`${lab}/episodes/old`);
    },
    undo: (owner) => owner.delete(`${lab}/episodes/old`),
    read: (owner) => owner.get(`${lab}/episodes/old`),
  },
  {
    title: 'createAsset',
    path: `${lab}/assets`,
    body: {
      path: '/files/a.bin',
      kind: 'file',
      uri: 's3://bucket/a',
      metadata: { z: 1, a: [null] },
    },
    other: { path: '/files/b.bin', kind: 'file', uri: 's3://bucket/b' },
    prepare: makeLab,
    undo: async (owner) => owner.delete(await firstOf(owner, 'assets', '?prefix=/files/a.bin')),
    read: async (owner) => owner.get(await firstOf(owner, 'assets', '?prefix=/files/a.bin')),
  },
  {
    title: 'createAssets',
    path: `${lab}/assets/batch`,
    body: {
      assets: [
        { path: '/batch/a', kind: 'file', uri: 's3://bucket/a' },
        { path: '/batch/b', kind: 'file', uri: 's3://bucket/b' },
      ],
    },
    other: { assets: [{ path: '/other/a', kind: 'file', uri: 's3://bucket/a' }] },
    prepare: makeLab,
    undo: async (owner) => {
      await owner.delete(await firstOf(owner, 'assets', '?prefix=/batch/b'));
      return owner.delete(await firstOf(owner, 'assets', '?prefix=/batch/a'));
    },
    read: async (owner) => owner.get(await firstOf(owner, 'assets', '?prefix=/batch/a')),
  },
];

test('who was removed from the namespace that a key created is told of it no more', async (t) => {
  const { service, owner } = await startAcme(t);
  const body = { slug: 'team' };
  const first = await post(owner, '/namespaces', 'key', body);
  t.equal(first.status, 201);
  const other = await service.as('other');
  await owner.put('/namespaces/team/members/other', { role: 'owner' });
  await other.patch('/namespaces/team', { name: 'Secret' });
  await other.delete(`/namespaces/team/members/${owner.subject}`);
  isProblem(t, await post(owner, '/namespaces', 'key', body), 'namespace_not_found');
  await other.put(`/namespaces/team/members/${owner.subject}`, { role: 'viewer' });
  isReplay(t, await post(owner, '/namespaces', 'key', body), first, 'as a member again');
});

test('the same request with the same key has the same answer and no second effect', async (t) => {
  for (const { title, path, body, prepare, undo, read } of operations) {
    const { owner } = await startAcme(t);
    await prepare(owner);
    const first = await post(owner, path, 'key-1', body);
    t.ok(first.status < 300, `${title} succeeds`);
    const after = await read(owner);
    isReplay(t, await post(owner, path, 'key-1', body), first, `${title}, again`);
    t.equal((await read(owner)).text, after.text, `${title}: nothing is written`);

    t.equal((await undo(owner)).status, 204);
    isReplay(t, await post(owner, path, 'key-1', body), first, `${title}, after it was undone`);
    t.equal((await read(owner)).status, 404, `${title}: has no effect again`);

    const anew = await post(owner, path, 'key-2', body);
    t.equal(anew.status, first.status, `${title} with another key`);
    t.equal(anew.headers['idempotent-replayed'], undefined);
    t.equal((await read(owner)).status, 200);
  }
});

test('a restore of what is not deleted is kept too', async (t) => {
  const { owner } = await startAcme(t);
  await owner.post(spaces, { name: 'Lab' });
  await owner.post(`${lab}/episodes`, { name: 'run' });
  const asset = await owner.post(`${lab}/assets`, { path: '/a', kind: 'file', uri: 'urn:a:b' });
  const assetPath = String(asset.headers['location']);
  for (const path of [`${lab}/episodes/run`, assetPath, `${spaces}/lab`, '/namespaces/acme']) {
    const first = await post(owner, `${path}/restore`, 'key', undefined);
    t.equal(first.status, 200);
    await owner.delete(path);
    isReplay(t, await post(owner, `${path}/restore`, 'key'), first, path);
    t.equal((await owner.get(path)).status, 404, 'stays deleted');
  }
});

test('an upsert that changes nothing is kept too', async (t) => {
  const { owner } = await startAcme(t);
  await makeLab(owner);
  await owner.post(`${lab}/episodes`, { name: 'run' });
  const first = await post(owner, `${lab}/episodes`, 'key', { name: 'run' });
  t.equal(first.status, 200);
  await owner.patch(`${lab}/episodes/run`, { description: 'changed' });
  isReplay(t, await post(owner, `${lab}/episodes`, 'key', { name: 'run' }), first, 'as it was');
});

test('the order of members and white space do not make another body', async (t) => {
  const { owner } = await startAcme(t);
  const first = await post(
    owner,
    spaces,
    'key',
    '{"name":"Lab","metadata":{"a":1,"b":{"c":2,"d":3}}}',
  );
  const again = await post(
    owner,
    spaces,
    'key',
    '{ "metadata": {"b": {"d": 3, "c": 2}, "a": 1}, "name": "Lab" }',
  );
  isReplay(t, again, first, 'the same request');
});

test('another body with the same key is 422 and has no effect', async (t) => {
  const { owner } = await startAcme(t);
  await post(owner, spaces, 'key', { name: 'Lab', tags: ['a', 'b'] });
  for (const body of [
    { name: 'Other', tags: ['a', 'b'] },
    { name: 'Lab', tags: ['b', 'a'] },
    { name: 'Lab', tags: ['a', 'b'], slug: 'lab' },
    { name: 'Lab' },
  ]) {
    isProblem(t, await post(owner, spaces, 'key', body), 'idempotency_key_reused');
  }
  t.equal(await total(owner), 1);
  await post(owner, '/namespaces', 'key', { slug: 'one' });
  isProblem(t, await post(owner, '/namespaces', 'key', { slug: 'two' }), 'idempotency_key_reused');
  t.equal((await owner.get('/namespaces/two')).status, 404);
});

test('a key is of one subject, one operation and one resource', async (t) => {
  const { service, owner } = await startAcme(t);
  const editor = await service.as('ed');
  const key = randomUUID();
  await owner.post('/namespaces', { slug: 'other' });
  const requests: [Client, string, unknown][] = [
    [owner, spaces, { name: 'Lab' }],
    [editor, spaces, { name: 'Bench' }],
    [owner, '/namespaces/other/spaces', { name: 'Shop' }],
    [owner, '/namespaces', { slug: 'third' }],
    [editor, '/namespaces', { slug: 'fourth' }],
    [owner, `${spaces}/lab/restore`, undefined],
    [owner, `${spaces}/bench/restore`, undefined],
    [owner, '/namespaces/acme/restore', undefined],
    [owner, '/namespaces/other/restore', undefined],
  ];
  for (const [client, path, body] of requests) {
    const answer = await post(client, path, key, body);
    t.ok(answer.status < 300, `${client.subject}: ${path}`);
    t.equal(answer.headers['idempotent-replayed'], undefined);
  }
  t.equal(await total(owner), 2);
});

test('both nouns of a path are one operation', async (t) => {
  const { owner } = await startAcme(t);
  const first = await post(owner, spaces, 'key', { name: 'Lab' });
  const again = await post(owner, '/namespaces/acme/projects', 'key', { name: 'Lab' });
  isReplay(t, again, first, 'projects');
});

test('a key that is none is 400', async (t) => {
  const { owner } = await startAcme(t);
  const keys = ['', 'a b', 'ä', 'a\u007f', 'k'.repeat(256), 'a\tb'];
  for (const key of keys) {
    for (const { path, body } of operations) {
      const answer = await post(owner, path, key, body);
      assertProblem(t, answer, INVALID, `"${key.slice(0, 5)}"`, ['/idempotency-key']);
    }
  }
  for (const key of ['k'.repeat(255), '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~%_\\'"]) {
    t.equal((await post(owner, spaces, key, { name: `Of ${key.length}` })).status, 201, key);
  }
});

test('who lost access since is told nothing', async (t) => {
  const { service, owner } = await startAcme(t);
  const editor = await service.as('ed');
  const attempt = () => post(editor, spaces, 'key', { name: 'Lab' });
  const restore = () => post(editor, `${spaces}/lab/restore`, 'key');
  t.equal((await attempt()).status, 201);
  t.equal((await restore()).status, 200);
  await owner.put('/namespaces/acme/members/ed', { role: 'viewer' });
  for (const send of [attempt, restore]) isProblem(t, await send(), 'insufficient_role');
  await owner.delete('/namespaces/acme/members/ed');
  for (const send of [attempt, restore]) isProblem(t, await send(), 'namespace_not_found');
  const narrow = await service.as('ed', 'spaces:read');
  isProblem(t, await post(narrow, spaces, 'key', { name: 'Lab' }), 'insufficient_scope');

  await owner.put('/namespaces/acme/members/ed', { role: 'owner' });
  const restoreNamespace = () => post(editor, '/namespaces/acme/restore', 'key');
  t.equal((await restoreNamespace()).status, 200);
  await owner.put('/namespaces/acme/members/ed', { role: 'editor' });
  isProblem(t, await restoreNamespace(), 'insufficient_role');
  await owner.delete('/namespaces/acme/members/ed');
  isProblem(t, await restoreNamespace(), 'namespace_not_found');
});

test('a failure is not kept: the request is tried anew', async (t) => {
  const { owner } = await startAcme(t);
  await owner.post(spaces, { name: 'Lab' });
  const attempt = () => post(owner, spaces, 'key', { name: 'Other', slug: 'lab' });
  isProblem(t, await attempt(), 'slug_conflict');
  isProblem(t, await attempt(), 'slug_conflict', 'still');
  const restore = () => post(owner, `${spaces}/none/restore`, 'key');
  isProblem(t, await restore(), 'space_not_found');
  await owner.delete(`${spaces}/lab`);
  t.equal((await attempt()).status, 201, 'once the slug is free');
  await owner.post(spaces, { name: 'None' });
  t.equal((await restore()).status, 200, 'once there is one');
});

test('If-Match does not keep a repeated restore from its answer', async (t) => {
  const { owner } = await startAcme(t);
  for (const path of [`${spaces}/lab`, '/namespaces/acme']) {
    await owner.post(spaces, { name: 'Lab' });
    const tag = String((await owner.delete(path)).headers.etag);
    const restore = (ifMatch: string) =>
      owner.send({
        method: 'POST',
        path: `${path}/restore`,
        headers: { 'idempotency-key': 'key', 'if-match': ifMatch },
      });
    isProblem(t, await restore('"stale"'), 'precondition_failed');
    const first = await restore(tag);
    t.equal(first.status, 200);
    isReplay(t, await restore(tag), first, path);
  }
});

/** Of those that share a statement and its key with another one, that one will do. */
const distinct = operations.filter(
  ({ title }) => !['createFolder', 'restoreEpisode', 'createAsset'].includes(title),
);

for (const { title, path, body, prepare, read } of distinct) {
  test(`${title}: of parallel requests with one key one has the effect`, async (t) => {
    const { owner } = await startAcme(t);
    const other = await replica.as(owner.subject);
    await prepare(owner);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        post(index % 2 === 0 ? owner : other, path, 'key', body),
      ),
    );
    const done = answers.filter(({ status }) => status < 300);
    const first = done.filter(({ headers }) => headers['idempotent-replayed'] === undefined);
    t.equal(first.length, 1, 'one has the effect');
    for (const answer of done) t.equal(answer.text, first[0]?.text, 'one answer');
    for (const answer of answers) {
      if (done.includes(answer)) continue;
      isProblem(t, answer, 'idempotency_key_in_use');
      t.equal(answer.headers['retry-after'], '1');
    }
    t.equal((await read(owner)).status, 200);
    const again = await post(other, path, 'key', body);
    t.equal(again.text, first[0]?.text, 'and later on');
  });
}

test('while a request is answered, another with its key is 409 at once', async (t) => {
  const { service, owner, sql } = await startAcme(t);
  const editor = await service.as('ed');
  const release = await holdLab(sql);
  const first = post(owner, spaces, 'key', { name: 'Lab' });
  await waiting(sql);
  const second = await post(owner, spaces, 'key', { name: 'Lab' });
  isProblem(t, second, 'idempotency_key_in_use');
  t.equal(second.headers['retry-after'], '1');
  const third = post(editor, spaces, 'key', { name: 'Bench' });
  await release();
  t.equal((await first).status, 201);
  t.equal((await third).status, 201, 'another subject is not kept from it');
  isReplay(t, await post(owner, spaces, 'key', { name: 'Lab' }), await first, 'afterwards');
});

test('two that met are told apart by the primary key', async (t) => {
  const { owner, sql } = await startAcme(t);
  const first = await post(owner, spaces, 'key', { name: 'Lab' });
  // As if the first had been answered after the second had looked for its key.
  await owner.delete(`${spaces}/lab`);
  await sql`update idempotency_keys set key = 'hidden'`;
  const release = await holdLab(sql);
  const second = post(owner, spaces, 'key', { name: 'Lab' });
  await waiting(sql);
  await sql`update idempotency_keys set key = 'key'`;
  await release();
  isReplay(t, await second, first, 'the second');
  t.equal(await total(owner), 0, 'its own effect was taken back');
});

test('a request whose connection dies before the effect is run again by the service', async (t) => {
  const { owner, sql } = await startAcme(t);
  const release = await holdLab(sql);
  const first = post(owner, spaces, 'key', { name: 'Lab' });
  const ended = await waiting(sql);
  await sql`select pg_terminate_backend(${ended})`;
  let again = ended;
  while (again === ended) again = await waiting(sql);
  await release();
  t.equal((await first).status, 201);
  t.equal(await total(owner), 1);
  isReplay(t, await post(owner, spaces, 'key', { name: 'Lab' }), await first, 'by the caller');
});

test('a request whose connection dies after the effect can be repeated', async (t) => {
  for (const { title, path, body, other, prepare, read } of distinct) {
    const { service, proxy } = await startCounted(t);
    const { owner } = await startAcme(t, service);
    const another = await startService(t, { databaseUrl: proxy.url });
    const direct = await another.as(owner.subject);
    await prepare(owner);
    // Prepares the statements, so that the answer to be cut off is that of the effect.
    await post(owner, path, 'other', other ?? (body && { ...body, slug: 'other' }));
    if (path.endsWith('/restore')) await owner.delete(path.slice(0, -'/restore'.length));
    proxy.cutAfter(path === '/namespaces/team/restore' ? 2 : 1);
    const first = await post(owner, path, 'key', body);
    proxy.mend();
    isProblem(t, first, 'unavailable', title);
    const found = await eventually(() => read(direct));
    t.equal(found.status, 200, `${title}: the effect was had`);
    const again = await post(owner, path, 'key', body);
    t.ok(again.status < 300, title);
    t.equal(again.headers['idempotent-replayed'], 'true', `${title}: replayed`);
    const id =
      pick(again.json, 'id') ??
      pick(again.json, 'spaces', 0, 'id') ??
      pick(again.json, 'assets', 0, 'id');
    t.equal(id, pickString(found.json, 'id'));
    t.equal((await read(direct)).text, found.text, `${title}: no second effect`);
  }
});

test('after 24 hours a key is new', async (t) => {
  const { owner, sql } = await startAcme(t);
  await post(owner, spaces, 'key', { name: 'Lab' });
  const [row] =
    await sql`select extract(epoch from expires_at - now())::int as seconds from idempotency_keys`;
  t.ok(Math.abs(Number(row?.['seconds']) - 24 * 3600) < 600, 'kept for 24 hours');

  await sql`update idempotency_keys set expires_at = now() - interval '1 second'`;
  isProblem(t, await post(owner, spaces, 'key', { name: 'Lab' }), 'slug_conflict', 'tried anew');
  const answer = await post(owner, spaces, 'key', { name: 'Other' });
  t.equal(answer.status, 201, 'even with another body');
  isReplay(t, await post(owner, spaces, 'key', { name: 'Other' }), answer, 'kept again');
  t.equal(await total(owner), 2);

  await post(owner, '/namespaces/acme/restore', 'key');
  await owner.delete('/namespaces/acme');
  await sql`update idempotency_keys set expires_at = now() - interval '1 second'`;
  t.equal((await post(owner, '/namespaces/acme/restore', 'key')).status, 200);
  t.equal((await owner.get('/namespaces/acme')).status, 200, 'restored anew');
});

test('of parallel requests with an expired key one has the effect', async (t) => {
  const { owner, sql } = await startAcme(t);
  await post(owner, spaces, 'key', { name: 'Lab' });
  await owner.delete(`${spaces}/lab`);
  await sql`update idempotency_keys set expires_at = now() - interval '1 second'`;
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => post(owner, spaces, 'key', { name: 'Lab' })),
  );
  for (const { status } of answers) t.ok([201, 409].includes(status));
  const first = answers.filter(
    ({ status, headers }) => status === 201 && headers['idempotent-replayed'] === undefined,
  );
  t.equal(first.length, 1);
  t.equal(await total(owner), 1);
});

test('expired keys go away with the writes that come after them', async (t) => {
  const { owner, sql } = await startAcme(t);
  const names = Array.from({ length: 25 }, (_, index) => `Space ${index}`);
  await Promise.all(names.map((name) => post(owner, spaces, name.replace(' ', '-'), { name })));
  await sql`update idempotency_keys set expires_at = now() - interval '1 second'`;
  const keys = async () =>
    Number((await sql`select count(*)::int as keys from idempotency_keys`)[0]?.['keys']);
  t.equal(await keys(), 25);
  await post(owner, spaces, 'first', { name: 'First' });
  t.equal(await keys(), 16, 'ten went, one came');
  for (const name of ['Second', 'Third']) await post(owner, spaces, name, { name });
  t.equal(await keys(), 3, 'the last of them too');
});

test('a key costs no statement and no round trip, and nothing when it is not sent', async (t) => {
  const { service, proxy } = await startCounted(t);
  const { owner } = await startAcme(t, service);
  for (const { title, path, body, prepare, undo } of operations) {
    await prepare(owner);
    // A restore of a namespace has to find it first.
    const single = path === '/namespaces/team/restore' ? 2 : 1;
    const cost = [single, single * ROUND_TRIPS_PER_STATEMENT];
    const count = async (send: () => Promise<Answer>) => {
      const { statements, roundTrips, result } = await proxy.count(send);
      t.ok(result.status < 300, title);
      return [statements, roundTrips];
    };
    // Statements are prepared when they first run.
    for (const key of [undefined, 'warm']) {
      await (key === undefined ? owner.post(path, body) : post(owner, path, key, body));
      await undo(owner);
    }
    t.same(await count(() => owner.post(path, body)), cost, `${title}: no key`);
    await undo(owner);
    t.same(await count(() => post(owner, path, 'key', body)), cost, `${title}: a key`);
    t.same(await count(() => post(owner, path, 'key', body)), cost, `${title}: replay`);
    await undo(owner);
  }
});

/** What is written after its connection has died is there soon. */
async function eventually(read: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await read();
    if (answer.status === 200) return answer;
  }
}
