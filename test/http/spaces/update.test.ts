import { isDeepStrictEqual } from 'node:util';
import t, { test } from 'tap';
import {
  assertProblem,
  CONFLICT,
  INVALID,
  NO_NAMESPACE,
  NO_SPACE,
  read,
  Space,
  startSpaces,
} from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

const updates = {
  'application/json': (path: string, body: object) => owner.patch(path, body),
  'application/merge-patch+json': (path: string, body: object) => owner.mergePatch(path, body),
};

const full = {
  name: 'Robotics Lab',
  slug: 'robotics-lab',
  description: 'Main robotics project',
  tags: ['robotics'],
  metadata: { team: 'lab-a', size: { desks: 4 } },
};

test('an update returns the documented example, under both nouns', async (t) => {
  const { spaces, projects, create } = await makeNamespace();
  for (const path of [projects, spaces]) {
    const { id } = await create({ name: 'Robotics Lab', tags: ['robotics'] });
    const answer = await owner.patch(`${path}/robotics-lab`, {
      description: 'Updated description',
      tags: ['robotics', 'production'],
      metadata: { team: 'lab-a' },
    });
    t.equal(answer.status, 200, path);
    t.match(answer.headers['content-type'], /^application\/json\b/, path);
    t.equal(
      answer.text,
      JSON.stringify({
        id,
        name: 'Robotics Lab',
        slug: 'robotics-lab',
        description: 'Updated description',
        tags: ['robotics', 'production'],
        metadata: { team: 'lab-a' },
      }),
      'every key, in this order, and no other',
    );
    await owner.delete(`${path}/robotics-lab`);
  }
});

test('an update changes the given fields only, under both media types', async (t) => {
  const { spaces, create, details, list } = await makeNamespace();
  const rows: [sent: object, changed: object][] = [
    [{ name: '  Lab  ' }, { name: 'Lab' }],
    [{ slug: 'lab' }, { slug: 'lab' }],
    [{ description: 'Updated' }, { description: 'Updated' }],
    [{ description: '' }, { description: '' }],
    [{ description: null }, { description: null }],
    [{ tags: ['b', 'a'] }, { tags: ['b', 'a'] }],
    [{ tags: [] }, { tags: [] }],
    [{ tags: null }, { tags: [] }],
    [{ metadata: null }, { metadata: null }],
    [
      { name: 'N', slug: 's', description: 'd', tags: [] },
      { name: 'N', slug: 's', description: 'd', tags: [] },
    ],
  ];
  for (const [sent, changed] of rows) {
    for (const [type, update] of Object.entries(updates)) {
      const title = `${JSON.stringify(sent)} as ${type}`;
      const { id } = await create(full);
      const answer = await update(`${spaces}/${full.slug}`, sent);
      const space = read(answer, Space);
      t.equal(answer.status, 200, title);
      t.ok(isDeepStrictEqual(space, { id, ...full, ...changed }), `${title}: ${answer.text}`);

      const { metadata, ...item } = space;
      t.match(await details(space.slug), { ...item, metadata, version: 2 }, title);
      t.same((await list()).spaces, [item], `${title}: list`);
      await owner.delete(`${spaces}/${space.slug}`);
    }
  }
});

test('an empty update changes nothing, under both media types', async (t) => {
  const { spaces, projects, create } = await makeNamespace();
  const { id } = await create(full);
  const before = await owner.get(`${spaces}/${full.slug}`);
  const answers = [
    await owner.patch(`${spaces}/${full.slug}`, {}),
    await owner.mergePatch(`${projects}/${full.slug}`, {}),
  ];
  for (const [index, answer] of answers.entries()) {
    const title = index === 0 ? 'JSON' : 'merge patch';
    t.equal(answer.status, 200, title);
    t.ok(isDeepStrictEqual(read(answer, Space), { id, ...full }), title);
  }
  t.equal((await owner.get(`${spaces}/${full.slug}`)).text, before.text);
});

test('every write adds one version, sets updatedAt and keeps createdAt', async (t) => {
  const { spaces, create, details } = await makeNamespace();
  const { id } = await create(full);
  const { createdAt, updatedAt, version } = await details(full.slug);
  t.equal(version, 1);
  t.equal(updatedAt, createdAt);

  for (const [index, update] of Object.values(updates).entries()) {
    const longAgo = '2000-01-01T00:00:00.000Z';
    await service.db.$client`update spaces set updated_at = ${longAgo} where id = ${id}`;
    await update(`${spaces}/${full.slug}`, { metadata: { a: index } });
    const after = await details(full.slug);
    t.equal(after.version, 2 + index, `index ${index}`);
    t.equal(after.createdAt, createdAt, `index ${index}`);
    t.not(after.updatedAt, longAgo, `index ${index}`);
  }
});

test('a new name keeps the slug', async (t) => {
  const { spaces, create } = await makeNamespace();
  await create(full);
  const answer = await owner.patch(`${spaces}/${full.slug}`, { name: 'Bakery' });
  t.match(answer.json, { name: 'Bakery', slug: full.slug });
});

test('a new slug is stored as given; the old one redirects, and can be taken at once', async (t) => {
  const { spaces, projects, create, details } = await makeNamespace();
  const { id } = await create(full);
  await owner.patch(`${spaces}/${full.slug}`, { slug: 'a.b_c-' });
  t.equal((await details('a.b_c-')).id, id);
  const { status, headers } = await owner.get(`${projects}/${full.slug}`);
  t.same([status, headers.location], [308, `${projects}/a.b_c-`], 'the old slug');
  t.not((await create(full)).id, id);
});

test('an update to the current slug is 200', async (t) => {
  const { spaces, create } = await makeNamespace();
  const { id } = await create(full);
  const answer = await owner.patch(`${spaces}/${full.slug}`, { slug: full.slug });
  t.equal(answer.status, 200);
  t.ok(isDeepStrictEqual(answer.json, { id, ...full }));
});

test('a taken slug is 409, and no field of the update is written', async (t) => {
  const { spaces, projects, create, details } = await makeNamespace();
  await create(full);
  await create({ name: 'Taken' });
  const before = await details(full.slug);
  const body = { slug: 'taken', description: 'Updated', metadata: { b: 2 } };
  for (const path of [`${spaces}/${full.slug}`, `${projects}/${full.slug}`]) {
    const answer = await owner.patch(path, body);
    assertProblem(t, answer, CONFLICT, path);
    t.match(answer.json, { instance: path, detail: /"taken"/ }, path);
    assertProblem(t, await owner.mergePatch(path, body), CONFLICT, `${path}, merge patch`);
  }
  t.same(await details(full.slug), before);
});

test('a space can take the slug of a deleted space', async (t) => {
  const { spaces, create } = await makeNamespace();
  const gone = await create({ name: 'Gone' });
  await owner.delete(`${spaces}/gone`);
  const { id } = await create(full);
  const answer = await owner.patch(`${spaces}/${full.slug}`, { slug: 'gone' });
  t.match(answer.json, { id, slug: 'gone' });
  t.not(gone.id, id);
});

test('the same slug in another namespace does not conflict', async (t) => {
  const [one, two] = await Promise.all([makeNamespace(), makeNamespace()]);
  await one.create({ name: 'Here' });
  await two.create({ name: 'There' });
  t.equal((await owner.patch(`${one.spaces}/here`, { slug: 'there' })).status, 200);
  t.equal((await two.list()).spaces[0]?.name, 'There', 'the other space is unchanged');
});

test('a name or slug that is null is 400, and no field of the update is written', async (t) => {
  const { spaces, create, details } = await makeNamespace();
  await create(full);
  const before = await details(full.slug);
  for (const field of ['name', 'slug']) {
    for (const update of Object.values(updates)) {
      const answer = await update(`${spaces}/${full.slug}`, { [field]: null, description: 'no' });
      assertProblem(t, answer, INVALID, field, [`/${field}`]);
    }
  }
  t.same(await details(full.slug), before, 'nothing is written');
});

test('an update of a deleted, foreign or unknown space or namespace is 404', async (t) => {
  const deleted = await makeNamespace();
  await deleted.create(full);
  await owner.delete(deleted.path);
  const other = await makeNamespace();
  const { slug, spaces, create } = await makeNamespace();
  await create(full);
  await create({ name: 'Gone' });
  await owner.delete(`${spaces}/gone`);
  const stranger = await service.as('stranger');

  const rows = [
    { title: 'unknown', namespace: slug, space: 'nowhere', expected: NO_SPACE },
    { title: 'deleted', namespace: slug, space: 'gone', expected: NO_SPACE },
    { title: 'in another namespace', namespace: other.slug, space: full.slug, expected: NO_SPACE },
    {
      title: 'deleted namespace',
      namespace: deleted.slug,
      space: full.slug,
      expected: NO_NAMESPACE,
    },
    { title: 'no namespace', namespace: 'nowhere', space: full.slug, expected: NO_NAMESPACE },
    {
      title: 'foreign',
      namespace: slug,
      space: full.slug,
      caller: stranger,
      expected: NO_NAMESPACE,
    },
  ];
  for (const { title, namespace, space, caller = owner, expected } of rows) {
    for (const noun of ['spaces', 'projects']) {
      const path = `/namespaces/${namespace}/${noun}/${space}`;
      for (const body of [{}, { description: 'x' }, { metadata: { a: 1 } }]) {
        assertProblem(t, await caller.patch(path, body), expected, `${title}, ${noun}`);
        assertProblem(
          t,
          await caller.mergePatch(path, body),
          expected,
          `${title}, ${noun}, merge patch`,
        );
      }
    }
  }
});
