import { isDeepStrictEqual } from 'node:util';
import t, { test } from 'tap';
import { uuidv7 } from '../../helpers/json.js';
import {
  assertProblem,
  CONFLICT,
  NO_NAMESPACE,
  read,
  Space,
  startSpaces,
} from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

test('a create returns the documented example', async (t) => {
  const { spaces, projects } = await makeNamespace();
  for (const path of [spaces, projects]) {
    const slug = 'robotics-lab';
    const answer = await owner.post(path, {
      name: 'Robotics Lab',
      description: 'Main robotics project',
      tags: ['robotics'],
    });
    t.equal(answer.status, 201, path);
    t.match(answer.headers['content-type'], /^application\/json\b/, path);
    t.equal(answer.headers['location'], `${projects}/${slug}`, path);
    const { id } = read(answer, Space);
    t.match(id, uuidv7, path);
    t.equal(
      answer.text,
      JSON.stringify({
        id,
        name: 'Robotics Lab',
        slug,
        description: 'Main robotics project',
        tags: ['robotics'],
        metadata: null,
      }),
      'every key, in this order, and no other',
    );
    const found = await owner.get(String(answer.headers['location']));
    t.match(found.json, { id, slug }, 'the space is at Location');
    await owner.delete(`${spaces}/${slug}`);
  }
});

test('a create needs only a name; null and absent fields are equal', async (t) => {
  const { spaces } = await makeNamespace();
  const rows = [
    { name: 'Absent' },
    { name: 'Null', slug: null, description: null, tags: null, metadata: null },
  ];
  for (const body of rows) {
    const answer = await owner.post(spaces, body);
    t.equal(answer.status, 201, body.name);
    const { id } = read(answer, Space);
    const slug = body.name.toLowerCase();
    t.equal(
      answer.text,
      JSON.stringify({ id, name: body.name, slug, description: null, tags: [], metadata: null }),
    );
  }
});

test('a name is trimmed and normalized, and otherwise stored as given', async (t) => {
  const { create } = await makeNamespace();
  const rows: [sent: string, kept: string][] = [
    ['  Robotics  Lab\t\r\n', 'Robotics  Lab'],
    ['\u3000\u00A0\uFEFF\u2028Wide\u2029', 'Wide'],
    ['Ünïcödé', 'Ünïcödé'],
    ['Cafe\u0301', 'Caf\u00e9'],
  ];
  for (const [name, kept] of rows) t.equal((await create({ name })).name, kept, name);
});

test('two spaces may have the same name', async (t) => {
  const { create, list } = await makeNamespace();
  await create({ name: 'Same' });
  await create({ name: 'Same', slug: 'other' });
  t.equal((await list()).total, 2);
});

test('an empty description is stored, and not null', async (t) => {
  const { create, details } = await makeNamespace();
  t.equal((await create({ name: 'Empty', description: '' })).description, '');
  t.equal((await details('empty')).description, '');
});

test('tags keep their order and case', async (t) => {
  const { create, details } = await makeNamespace();
  const kept = ['b', 'a', 'B', 'c', 'ä'];
  const tags = ['b', 'a', 'B', ' c', 'a\u0308'];
  t.same((await create({ name: 'Tagged', tags })).tags, kept);
  t.same((await details('tagged')).tags, kept);
});

test('a slug is stored as given', async (t) => {
  const { create, details } = await makeNamespace();
  for (const slug of ['0', 'a', 'a.b_c-d', 'a--', 'v1.0.', '9'.repeat(64), 'undefined', 'spaces']) {
    t.equal((await create({ name: 'Given', slug })).slug, slug, slug);
    t.equal((await details(slug)).slug, slug, `${slug}: get`);
  }
});

test('a slug is derived from the trimmed name', async (t) => {
  const { create } = await makeNamespace();
  const rows: [name: string, slug: string][] = [
    [' Größe & Øl ', 'grosse-ol'],
    [' 机器人 ', 'space-a4d14414'],
    ['Lab 机器人', 'lab-9d6a1ecb'],
    ['🤖', 'space-b0d12518'],
  ];
  for (const [name, slug] of rows) t.equal((await create({ name })).slug, slug, slug);
});

test('a taken slug is 409, given or derived, under both nouns', async (t) => {
  const { spaces, projects, create, list } = await makeNamespace();
  for (const name of ['Taken', '机器人']) await create({ name });
  const rows: [title: string, body: object][] = [
    ['given', { name: 'Another', slug: 'taken' }],
    ['derived', { name: 'taken!' }],
    ['derived with a hash', { name: '机器人' }],
  ];
  for (const [title, body] of rows) {
    for (const path of [spaces, projects]) {
      const answer = await owner.post(path, body);
      assertProblem(t, answer, CONFLICT, title);
      t.match(answer.json, { instance: path, detail: /"(taken|space-a4d14414)"/ }, title);
    }
  }
  t.equal((await list()).total, 2, 'nothing was created, and no slug got a suffix');
});

test('a slug is unique within its namespace only', async (t) => {
  const [one, two] = await Promise.all([makeNamespace(), makeNamespace()]);
  t.equal((await one.create({ name: 'Same' })).slug, 'same');
  t.equal((await two.create({ name: 'Same' })).slug, 'same');
});

test('the slug of a deleted space can be reused', async (t) => {
  const { spaces, create, details, list } = await makeNamespace();
  const first = await create({ name: 'Phoenix', description: 'first' });
  await owner.delete(`${spaces}/phoenix`);
  const second = await create({ name: 'Phoenix' });
  t.not(second.id, first.id);
  t.match(await details('phoenix'), { id: second.id, description: null, version: 1 });
  t.equal((await list()).total, 1);
});

test('metadata and tags are stored as JSON, not as JSON strings', async (t) => {
  const { slug, spaces, create } = await makeNamespace();
  await create({ name: 'Both', metadata: { team: 'lab-a' }, tags: ['robotics'] });
  await create({ name: 'Neither' });
  await create({ name: 'Empty', metadata: {}, tags: [] });
  await create({ name: 'Patched' });
  await owner.patch(`${spaces}/patched`, { metadata: { team: 'lab-b' }, tags: ['a'] });
  await create({ name: 'Merged' });
  await owner.mergePatch(`${spaces}/merged`, { metadata: { team: 'lab-c' } });
  await create({ name: 'Cleared', metadata: { a: 1 }, tags: ['a'] });
  await owner.patch(`${spaces}/cleared`, { metadata: null, tags: null });

  const rows = await service.db.$client<{ slug: string; types: string }[]>`
    select spaces.slug, concat_ws(' ', coalesce(jsonb_typeof(spaces.metadata), 'null'),
      jsonb_typeof(tags), spaces.metadata ->> 'team', tags ->> 0) as types
    from spaces join namespaces on namespaces.id = namespace_id
    where namespaces.slug = ${slug} order by spaces.id`;
  t.same(Object.fromEntries(rows.map(({ slug, types }) => [slug, types])), {
    both: 'object array lab-a robotics',
    neither: 'null array',
    empty: 'object array',
    patched: 'object array lab-b a',
    merged: 'object array lab-c',
    cleared: 'null array',
  });
});

test('metadata is returned as it was sent', async (t) => {
  const { create, details } = await makeNamespace();
  const rows: Record<string, unknown>[] = [
    {},
    { team: 'lab-a' },
    { nested: { object: { empty: {}, null: null }, array: [[], [1, [2, { three: 3 }]], null] } },
    { true: true, false: false, zero: 0, negative: -1.5, large: 9e15, small: 5e-324 },
    { safe: Number.MAX_SAFE_INTEGER, third: 1 / 3 },
    { '': 'empty key', ' ': 'blank key', 'a.b/c~d': 'pointer', toString: 1, constructor: 'x' },
    { id: 'not the id', metadata: { metadata: null } },
  ];
  for (const [index, metadata] of rows.entries()) {
    const slug = `m${index}`;
    const title = JSON.stringify(metadata);
    const created = await create({ name: 'Data', slug, metadata });
    t.ok(isDeepStrictEqual(created.metadata, metadata), title);
    t.ok(isDeepStrictEqual((await details(slug)).metadata, metadata), `${title}: get`);
  }
});

test('a create in a deleted, foreign or unknown namespace is 404', async (t) => {
  const deleted = await makeNamespace();
  await owner.delete(deleted.path);
  const foreign = await makeNamespace();
  const stranger = await service.as('stranger');
  const rows = [
    { title: 'deleted', caller: owner, slug: deleted.slug },
    { title: 'foreign', caller: stranger, slug: foreign.slug },
    { title: 'unknown', caller: owner, slug: 'nowhere' },
  ];
  for (const { title, caller, slug } of rows) {
    for (const noun of ['spaces', 'projects']) {
      const answer = await caller.post(`/namespaces/${slug}/${noun}`, { name: 'Nobody' });
      assertProblem(t, answer, NO_NAMESPACE, `${title}, ${noun}`);
    }
  }
  t.equal((await foreign.list()).total, 0);
});
