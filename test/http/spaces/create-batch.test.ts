import { type Static, Type } from '@sinclair/typebox';
import t, { test } from 'tap';
import type { Answer } from '../../helpers/app.js';
import { openDatabase } from '../../helpers/database.js';
import { waitForLockedSessions } from '../../helpers/locks.js';
import { isProblem } from '../../helpers/problem.js';
import {
  assertProblem,
  CONFLICT,
  INVALID,
  NO_NAMESPACE,
  read,
  Space,
  startSpaces,
} from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

const Batch = Type.Object({ spaces: Type.Array(Space) }, { additionalProperties: false });

const batch = (path: string, spaces: unknown) => owner.post(`${path}/batch`, { spaces });
const created = (answer: Answer): Static<typeof Space>[] => read(answer, Batch).spaces;

/** @returns the bodies of `count` spaces with different slugs */
const many = (count: number, name = 'Space') =>
  Array.from({ length: count }, (_, index) => ({ name: `${name} ${index}` }));

test('a batch is created and returned in its order, under both nouns', async (t) => {
  const { spaces, projects, list, details } = await makeNamespace();
  for (const [index, path] of [spaces, projects].entries()) {
    const sent = [
      { name: ` Zoo ${index} `, tags: ['b', 'a'] },
      { name: 'All', slug: `all-${index}`, description: 'Ä "quoted"', metadata: { a: [1, null] } },
      { name: `Lab ${index}`, slug: null, description: null, tags: null, metadata: null },
    ];
    const answer = await batch(path, sent);
    t.equal(answer.status, 201, path);
    t.equal(answer.headers.location, undefined, path);
    const made = created(answer);
    t.match(made, [
      { name: `Zoo ${index}`, slug: `zoo-${index}`, tags: ['b', 'a'] },
      { slug: `all-${index}`, description: 'Ä "quoted"', metadata: { a: [1, null] } },
      { slug: `lab-${index}`, description: null, tags: [], metadata: null },
    ]);
    for (const space of made) t.match(await details(space.slug), { ...space, version: 1 }, path);
  }
  const { spaces: items, total } = await list();
  t.equal(total, 6);
  t.same(
    items.map(({ slug }) => slug),
    ['zoo-0', 'all-0', 'lab-0', 'zoo-1', 'all-1', 'lab-1'],
    'the list has the same order',
  );
});

test('each space of a batch has the bytes of a single create', async (t) => {
  const [one, all] = [await makeNamespace(), await makeNamespace()];
  const body = { name: 'Lab', metadata: { b: 1, a: { d: 0.1, c: [] } }, tags: ['x'] };
  const single = await owner.post(one.spaces, body);
  const answer = await batch(all.spaces, [body]);
  const [space] = created(answer);
  const text = single.text.replace(read(single, Space).id, space?.id ?? '');
  t.equal(answer.text, `{"spaces":[${text}]}`);
});

test('a batch creates a hundred spaces and counts them', async (t) => {
  const { spaces, list } = await makeNamespace();
  const made = created(await batch(spaces, many(100)));
  t.equal(new Set(made.map(({ id }) => id)).size, 100);
  t.equal((await list()).total, 100);
  const ids = (await list('?pageSize=200')).spaces.map(({ id }) => id);
  t.same(
    ids,
    made.map(({ id }) => id),
  );
});

test('a batch with taken slugs is 409, names them by index, and creates nothing', async (t) => {
  const { spaces, create, list } = await makeNamespace();
  for (const name of ['Lab', 'Bench', 'Gone']) await create({ name });
  await owner.delete(`${spaces}/gone`);
  const sent = [{ name: 'New' }, { name: 'Lab' }, { name: 'Gone' }, { name: 'B', slug: 'bench' }];
  const answer = await batch(spaces, sent);
  assertProblem(t, answer, CONFLICT, 'taken', ['/spaces/1/slug', '/spaces/3/slug']);
  t.match(answer.json, { errors: [{ code: 'taken', message: /"lab"/ }, { code: 'taken' }] });
  t.equal((await list()).total, 2);
  isProblem(t, await owner.get(`${spaces}/new`), 'space_not_found');
});

test('a batch that repeats a slug, given or derived, is 409 and names every space with it', async (t) => {
  const { spaces, create, list } = await makeNamespace();
  await create({ name: 'Taken' });
  const sent = [{ name: 'Lab' }, { name: 'Other' }, { name: 'LAB!' }, { name: 'x', slug: 'lab' }];
  const answer = await batch(spaces, sent);
  const paths = ['/spaces/0/slug', '/spaces/2/slug', '/spaces/3/slug'];
  assertProblem(t, answer, CONFLICT, 'repeated', paths);
  t.match(answer.json, { errors: [{ code: 'repeated' }] });
  const both = await batch(spaces, [...sent, { name: 'Taken' }]);
  assertProblem(t, both, CONFLICT, 'repeated and taken', [...paths, '/spaces/4/slug']);
  t.equal((await list()).total, 1);
});

test('a batch with a hundred taken slugs is 409 and names them all', async (t) => {
  const { spaces } = await makeNamespace();
  await batch(spaces, many(100));
  const answer = await batch(spaces, many(100));
  assertProblem(
    t,
    answer,
    CONFLICT,
    'all',
    many(100).map((_, index) => `/spaces/${index}/slug`),
  );
});

test('a batch with invalid spaces is 400, names them by index, and creates nothing', async (t) => {
  const { spaces, list } = await makeNamespace();
  const rows: [unknown, string[]][] = [
    [{}, ['/spaces']],
    [{ spaces: null }, ['/spaces']],
    [{ spaces: [] }, ['/spaces']],
    [{ spaces: many(101) }, ['/spaces']],
    [{ spaces: [{ name: 'A' }, {}] }, ['/spaces/1/name']],
    [{ spaces: [...many(3), { name: ' ' }] }, ['/spaces/3/name']],
    [{ spaces: [{ name: 'A', slug: 'A' }, 1] }, ['/spaces/0/slug', '/spaces/1']],
    [{ spaces: [{ name: 'A', tags: ['x', ''] }] }, ['/spaces/0/tags/1']],
    [{ spaces: [{ name: 'A', metadata: { a: '\0' } }] }, ['/spaces/0/metadata']],
    [{ spaces: [{ name: 'A', more: 1 }], more: 1 }, ['/more', '/spaces/0/more']],
  ];
  for (const [body, paths] of rows) {
    const answer = await owner.post(`${spaces}/batch`, body);
    assertProblem(t, answer, INVALID, JSON.stringify(body).slice(0, 60), paths);
  }
  t.equal((await list()).total, 0);
});

test('a batch over the size limit of a body is 413', async (t) => {
  const { spaces } = await makeNamespace();
  const large = many(20).map((space) => ({ ...space, description: 'x'.repeat(4_000) }));
  assertProblem(t, await batch(spaces, large), [413, 'body_too_large'], '80 KB');
  t.equal((await batch(spaces, large.slice(0, 15))).status, 201);
});

test('exactly one of parallel batches with common slugs is created, and the others name the taken slugs', async (t) => {
  const { spaces, list } = await makeNamespace();
  const sent = many(20);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      batch(spaces, index % 2 === 0 ? sent : sent.toReversed()),
    ),
  );
  t.equal(answers.filter(({ status }) => status === 201).length, 1);
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    isProblem(t, answer, 'slug_conflict');
    t.match(answer.json, { errors: Array.from({ length: 20 }, () => ({ code: 'taken' })) });
  }
  t.equal((await list()).total, 20);
});

test('the service retries a batch whose taken slugs are free again', async (t) => {
  const { slug: namespace, spaces, list } = await makeNamespace();
  const sql = openDatabase(t, service.databaseUrl).$client;
  let sent: Promise<Answer> | undefined;
  let freed: Promise<unknown> | undefined;
  await sql.begin(async (holder) => {
    await holder`
      insert into spaces (namespace_id, id, name, slug, tags)
      select id, gen_random_uuid(), 'Held', 'space-1', '[]' from namespaces
      where slug = ${namespace}`;
    sent = batch(spaces, many(3));
    await waitForLockedSessions(service.db.$client);
    // Runs after the batch has failed, and before its slugs are read.
    freed = sql.begin(async (next) => {
      await next`lock table spaces in access exclusive mode`;
      await next`delete from spaces where name = 'Held'`;
    });
    await waitForLockedSessions(service.db.$client, 2);
  });
  await freed;
  t.equal((await sent)?.status, 201);
  t.equal((await list()).total, 3);
});

test('an unknown namespace or an insufficient role creates nothing', async (t) => {
  const { path, spaces, create, list } = await makeNamespace();
  await create({ name: 'Lab' });
  await owner.put(`${path}/members/vic`, { role: 'viewer' });
  const request = {
    method: 'POST' as const,
    path: `${spaces}/batch`,
    body: { spaces: [{ name: 'Lab' }] },
  };
  assertProblem(t, await (await service.as('stranger')).send(request), NO_NAMESPACE, 'a stranger');
  isProblem(t, await (await service.as('vic')).send(request), 'insufficient_role');
  assertProblem(t, await batch('/namespaces/none/spaces', many(1)), NO_NAMESPACE, 'none');
  t.equal((await list()).total, 1);
});

test('a space may have the slug "batch"', async (t) => {
  const { projects, create } = await makeNamespace();
  const { id } = await create({ name: 'Batch' });
  const path = `${projects}/batch`;
  t.match((await owner.get(path)).json, { id });
  t.equal((await owner.patch(path, { description: 'x' })).status, 200);
  t.equal((await owner.put(path, { name: 'Batch' })).status, 200);
  t.equal((await owner.delete(path)).status, 204);
  t.match((await owner.post(`${path}/restore`)).json, { id });
});
