import { isDeepStrictEqual } from 'node:util';
import t, { test } from 'tap';
import { isoTimestamp, pick, uuidv7 } from '../../helpers/json.js';
import {
  assertProblem,
  CONFLICT,
  type Namespace,
  NO_NAMESPACE,
  NO_SPACE,
  read,
  Space,
  SpaceDetails,
  startSpaces,
} from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

/** @returns the total of the list, the count of the namespace, the sum of the counters, and the number of rows */
async function counts({ slug, path, list }: Namespace): Promise<(number | undefined)[]> {
  const [stored] = await service.db.$client<{ counted: number; rows: number }[]>`
    select (select coalesce(sum(active), 0)::int from space_counters where namespace_id = id) counted,
      (select count(*)::int from spaces where namespace_id = n.id and deleted_at is null) as rows
    from namespaces n where slug = ${slug}`;
  const own = pick((await owner.get(path)).json, 'spaces');
  return [(await list()).total, Number(own), stored?.counted, stored?.rows];
}

test('a space is returned with its namespace, dates and version, under both nouns', async (t) => {
  const { slug, path, spaces, projects, create } = await makeNamespace();
  const fields = {
    name: 'Robotics Lab',
    slug: 'robotics-lab',
    description: 'Main robotics project',
    tags: ['robotics'],
    metadata: { team: 'lab-a' },
  };
  const { id } = await create(fields);
  const namespaceId = pick((await owner.get(path)).json, 'id');

  const answer = await owner.get(`${projects}/robotics-lab`);
  t.equal(answer.status, 200);
  t.match(answer.headers['content-type'], /^application\/json\b/);
  const { createdAt, updatedAt } = read(answer, SpaceDetails);
  t.match(id, uuidv7);
  t.match(createdAt, isoTimestamp);
  t.equal(
    answer.text,
    JSON.stringify({
      id,
      ...fields,
      namespace: { id: namespaceId, slug },
      contents: { folders: 0, episodes: 0, assets: 0 },
      createdAt,
      updatedAt,
      version: 1,
    }),
    'every key, in this order, and no other',
  );
  t.equal((await owner.get(`${spaces}/robotics-lab`)).text, answer.text);
});

test('a deleted space is indistinguishable from one that never existed, under both nouns', async (t) => {
  const { spaces, projects, create } = await makeNamespace();
  for (const path of [spaces, projects]) {
    await create({ name: 'Gone' });
    const deleted = await owner.delete(`${path}/gone`);
    t.equal(deleted.status, 204, path);
    t.equal(deleted.text, '', path);
  }
  for (const path of [spaces, projects]) {
    for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
      const [gone, never] = await Promise.all(
        ['gone', 'never'].map((slug) =>
          owner.send({
            method,
            path: `${path}/${slug}`,
            ...(method === 'PATCH' && { body: { name: 'x' } }),
          }),
        ),
      );
      if (!gone || !never) throw new Error('Two requests have two answers');
      assertProblem(t, gone, NO_SPACE, `${method} ${path}`);
      t.equal(gone.text.replaceAll('gone', 'never'), never.text, 'the same bytes except the path');
    }
  }
});

test('a restored space has its former fields, and its version is two higher', async (t) => {
  const { spaces, projects, create, details, list } = await makeNamespace();
  for (const path of [projects, spaces]) {
    const { id, ...fields } = await create({
      name: 'Phoenix',
      description: 'first',
      tags: ['a'],
      metadata: { a: { b: null } },
    });
    const before = await details('phoenix');
    await owner.delete(`${path}/phoenix`);
    const answer = await owner.post(`${path}/phoenix/restore`);
    t.equal(answer.status, 200, path);
    t.equal(answer.text, JSON.stringify({ id, ...fields }), 'the six fields');
    const after = await details('phoenix');
    const { updatedAt } = after;
    t.ok(isDeepStrictEqual(after, { ...before, updatedAt, version: before.version + 2 }), path);
    t.same(
      (await list()).spaces.map((space) => space.id),
      [id],
    );
    await owner.patch(`${path}/phoenix`, { slug: 'phoenix-old' });
    await owner.delete(`${path}/phoenix-old`);
  }
});

test('a restore of an active space is 200 and changes nothing', async (t) => {
  const namespace = await makeNamespace();
  const { spaces, projects, create } = namespace;
  const space = await create({ name: 'Alive', metadata: { a: 1 } });
  const before = await owner.get(`${spaces}/alive`);
  for (const path of [spaces, projects]) {
    const answer = await owner.post(`${path}/alive/restore`);
    t.equal(answer.status, 200, path);
    t.equal(answer.text, JSON.stringify(space), path);
  }
  t.equal((await owner.get(`${spaces}/alive`)).text, before.text, 'updatedAt and version included');
  t.same(await counts(namespace), [1, 1, 1, 1]);
});

test('a restore is 409 while the slug is taken, and succeeds when it is free', async (t) => {
  const namespace = await makeNamespace();
  const { spaces, projects, create, details } = namespace;
  const first = await create({ name: 'Phoenix' });
  await owner.delete(`${spaces}/phoenix`);
  const second = await create({ name: 'Phoenix' });
  for (const path of [spaces, projects]) {
    const answer = await owner.post(`${path}/phoenix/restore`);
    assertProblem(t, answer, CONFLICT, path);
    t.match(answer.json, { instance: `${path}/phoenix/restore`, detail: /"phoenix"/ }, path);
  }
  t.equal((await details('phoenix')).id, second.id);
  t.same(await counts(namespace), [1, 1, 1, 1]);

  await owner.patch(`${spaces}/phoenix`, { slug: 'ashes' });
  t.equal(read(await owner.post(`${spaces}/phoenix/restore`), Space).id, first.id);
  t.same(await counts(namespace), [2, 2, 2, 2]);
});

test('a restore selects the space with the slug that was deleted last', async (t) => {
  const { spaces, create, details } = await makeNamespace();
  const [older, newer] = [await create({ name: 'A' }), await create({ name: 'B' })];
  // Both are deleted under one slug, the older of them last.
  await owner.patch(`${spaces}/b`, { slug: 'x' });
  await owner.delete(`${spaces}/x`);
  await owner.patch(`${spaces}/a`, { slug: 'x' });
  await owner.delete(`${spaces}/x`);
  await service.db.$client`
    update spaces set deleted_at = (deleted_at at time zone 'UTC' - interval '1 hour') at time zone 'UTC'
    where id = ${newer.id}`;

  t.equal(read(await owner.post(`${spaces}/x/restore`), Space).id, older.id);
  t.equal((await details('x')).id, older.id);
  assertProblem(
    t,
    await owner.post(`${spaces}/a/restore`),
    NO_SPACE,
    'a restore by an earlier slug',
  );

  await owner.patch(`${spaces}/x`, { slug: 'y' });
  t.equal(
    read(await owner.post(`${spaces}/x/restore`), Space).id,
    newer.id,
    'the one deleted before',
  );
});

test('every total is exact after creates, deletes, restores and failed writes', async (t) => {
  const namespace = await makeNamespace();
  const { spaces } = namespace;
  const steps: [
    method: 'POST' | 'DELETE' | 'PATCH',
    path: string,
    status: number,
    total: number,
  ][] = [
    ['POST', '', 201, 1],
    ['POST', '', 409, 1],
    ['DELETE', '/a', 204, 0],
    ['DELETE', '/a', 404, 0],
    ['POST', '/a/restore', 200, 1],
    ['POST', '/a/restore', 200, 1],
    ['PATCH', '/a', 200, 1],
    ['DELETE', '/a', 204, 0],
    ['POST', '', 201, 1],
    ['POST', '/a/restore', 409, 1],
    ['POST', '/b/restore', 404, 1],
    ['DELETE', '/a', 204, 0],
    ['POST', '/a/restore', 200, 1],
  ];
  for (const [index, [method, path, status, total]] of steps.entries()) {
    const body = path.endsWith('/restore') || method === 'DELETE' ? undefined : { name: 'A' };
    const answer = await owner.send({ method, path: spaces + path, body });
    const title = `${index}: ${method} ${path}`;
    t.equal(answer.status, status, title);
    t.same(await counts(namespace), [total, total, total, total], title);
  }
});

test('deletes and restores without a body accept a content type', async (t) => {
  const { spaces, create } = await makeNamespace();
  await create({ name: 'A' });
  const headers = { 'content-type': 'application/json' };
  const deleted = await owner.send({ method: 'DELETE', path: `${spaces}/a`, headers });
  t.equal(deleted.status, 204);
  const restored = await owner.send({ method: 'POST', path: `${spaces}/a/restore`, headers });
  t.equal(restored.status, 200);
});

test('a deleted, foreign or unknown namespace hides its spaces', async (t) => {
  const deleted = await makeNamespace();
  const foreign = await makeNamespace();
  for (const { create } of [deleted, foreign]) await create({ name: 'Inside' });
  await owner.delete(deleted.path);
  const stranger = await service.as('stranger');
  const rows = [
    { title: 'deleted', caller: owner, slug: deleted.slug },
    { title: 'foreign', caller: stranger, slug: foreign.slug },
    { title: 'unknown', caller: owner, slug: 'nowhere' },
  ];
  for (const { title, caller, slug } of rows) {
    for (const noun of ['spaces', 'projects']) {
      const path = `/namespaces/${slug}/${noun}/inside`;
      assertProblem(t, await caller.get(path), NO_NAMESPACE, `get, ${title}`);
      assertProblem(t, await caller.delete(path), NO_NAMESPACE, `delete, ${title}`);
      assertProblem(t, await caller.post(`${path}/restore`), NO_NAMESPACE, `restore, ${title}`);
    }
  }
  t.equal((await foreign.list()).total, 1, 'the foreign space is unchanged');
});

test('a space of a restored namespace is found again', async (t) => {
  const { path, create, details } = await makeNamespace();
  const { id } = await create({ name: 'Inside' });
  await owner.delete(path);
  await owner.post(`${path}/restore`);
  t.equal((await details('inside')).id, id);
});
