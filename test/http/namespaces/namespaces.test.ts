import { test } from 'tap';
import { type Answer, type Service, startService } from '../../helpers/app.js';
import { isoTimestamp, pick, pickString, uuidv7 } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

/** The body with these fields, and with the id and the times of the response. */
function namespaceText({ json }: Answer, fields: Record<string, unknown>): string {
  const { slug, name = null, metadata = null, spaces = 0 } = fields;
  const [id, createdAt, updatedAt] = ['id', 'createdAt', 'updatedAt'].map((key) => pick(json, key));
  return JSON.stringify({ id, slug, name, metadata, spaces, createdAt, updatedAt });
}

async function createAll(service: Service, subject: string, slugs: string[]): Promise<void> {
  const client = await service.as(subject);
  for (const slug of slugs) await client.post('/namespaces', { slug });
}

test('a create returns the complete namespace in the documented order', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  const answer = await alice.post('/namespaces', {
    slug: 'acme',
    name: '  Acme  ',
    metadata: { plan: { seats: 5 } },
  });
  t.equal(answer.status, 201);
  t.equal(answer.headers['location'], '/namespaces/acme');
  t.match(answer.json, { id: uuidv7, createdAt: isoTimestamp });
  t.equal(pick(answer.json, 'updatedAt'), pick(answer.json, 'createdAt'));
  const expected = { slug: 'acme', name: 'Acme', metadata: { plan: { seats: 5 } } };
  t.equal(answer.text, namespaceText(answer, expected));
  t.equal((await alice.get('/namespaces/acme')).text, answer.text, 'GET returns the same');

  const bare = await alice.post('/namespaces', { slug: 'bare' });
  t.equal(bare.text, namespaceText(bare, { slug: 'bare' }), 'absent fields are null');
  const nulls = await alice.post('/namespaces', { slug: 'nulls', name: null, metadata: null });
  t.equal(nulls.text, namespaceText(nulls, { slug: 'nulls' }), 'null fields');
});

test('the list contains the active namespaces of the caller with the role, oldest first', async (t) => {
  const service = await startService(t);
  const bob = await service.as('bob');
  await createAll(service, 'alice', ['zeta', 'alpha', 'hidden']);
  await createAll(service, 'bob', ['mine']);
  const alice = await service.as('alice');
  await alice.put('/namespaces/zeta/members/bob', { role: 'viewer' });
  await alice.put('/namespaces/alpha/members/bob', { role: 'editor' });
  await bob.patch('/namespaces/mine', { name: 'Mine' });

  const { text, json } = await bob.get('/namespaces');
  const id = (index: number) => pick(json, 'namespaces', index, 'id');
  t.equal(
    text,
    JSON.stringify({
      namespaces: [
        { id: id(0), slug: 'zeta', name: null, role: 'viewer' },
        { id: id(1), slug: 'alpha', name: null, role: 'editor' },
        { id: id(2), slug: 'mine', name: 'Mine', role: 'owner' },
      ],
      page: 1,
      pageSize: 50,
      total: 3,
      totalPages: 1,
    }),
  );
  await alice.delete('/namespaces/zeta');
  t.match((await bob.get('/namespaces')).json, {
    namespaces: [{ slug: 'alpha' }, { slug: 'mine' }],
    total: 2,
  });
  t.same((await (await service.as('carol')).get('/namespaces')).json, {
    namespaces: [],
    page: 1,
    pageSize: 50,
    total: 0,
    totalPages: 0,
  });
});

test('the list of namespaces is paginated, and an invalid page is 400', async (t) => {
  const service = await startService(t);
  const slugs = ['e', 'd', 'c', 'b', 'a'];
  await createAll(service, 'alice', slugs);
  const alice = await service.as('alice');
  const pages: [query: string, slugs: string[], described: object][] = [
    ['?pageSize=2', ['e', 'd'], { page: 1, pageSize: 2, total: 5, totalPages: 3 }],
    ['?pageSize=2&page=3', ['a'], { page: 3, pageSize: 2, total: 5, totalPages: 3 }],
    ['?page=2', [], { page: 2, pageSize: 50, total: 5, totalPages: 1 }],
    ['?pageSize=201', slugs, { page: 1, pageSize: 200, total: 5, totalPages: 1 }],
    ['?page=2147483647&pageSize=200', [], { page: 2147483647, pageSize: 200, total: 5 }],
  ];
  for (const [query, expected, described] of pages) {
    const answer = await alice.get(`/namespaces${query}`);
    t.equal(answer.status, 200, query);
    t.match(answer.json, described, query);
    const found = pick(answer.json, 'namespaces');
    t.same(Array.isArray(found) && found.map((item) => pick(item, 'slug')), expected, query);
  }
  for (const query of ['page=0', 'page=-1', 'page=1.5', 'page=', 'page=1&page=2', 'size=1']) {
    isProblem(t, await alice.get(`/namespaces?${query}`), 'validation_failed', query);
  }
});

test('a create rejects invalid fields and names them', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  const rejected: [title: string, body: unknown, path: string][] = [
    ['no slug', {}, '/slug'],
    ['null slug', { slug: null }, '/slug'],
    ['empty slug', { slug: '' }, '/slug'],
    ['a capital', { slug: 'Acme' }, '/slug'],
    ['65 characters', { slug: 'a'.repeat(65) }, '/slug'],
    ['numeric slug', { slug: 1 }, '/slug'],
    ['blank name', { slug: 'acme', name: '  ' }, '/name'],
    ['name of 201 characters', { slug: 'acme', name: 'a'.repeat(201) }, '/name'],
    ['numeric name', { slug: 'acme', name: 1 }, '/name'],
    ['U+0000 in the name', { slug: 'acme', name: 'a\0b' }, '/name'],
    ['array metadata', { slug: 'acme', metadata: [] }, '/metadata'],
    ['U+0000 in metadata', { slug: 'acme', metadata: { a: '\0' } }, '/metadata'],
    ['17 KiB of metadata', { slug: 'acme', metadata: { a: 'x'.repeat(17 * 1024) } }, '/metadata'],
    ['unknown field', { slug: 'acme', owner: 'bob' }, '/owner'],
  ];
  for (const [title, body, path] of rejected) {
    const answer = await alice.post('/namespaces', body);
    isProblem(t, answer, 'validation_failed', title);
    t.equal(pick(answer.json, 'errors', 0, 'path'), path, `${title}: names the field`);
  }
  t.equal((await alice.post('/namespaces', { slug: 'a'.repeat(64) })).status, 201);
});

test('a taken slug is 409, for its owner and for others', async (t) => {
  const service = await startService(t);
  const [alice, bob] = [await service.as('alice'), await service.as('bob')];
  await alice.post('/namespaces', { slug: 'acme' });
  await bob.post('/namespaces', { slug: 'other' });
  isProblem(t, await alice.post('/namespaces', { slug: 'acme' }), 'slug_conflict');
  isProblem(t, await bob.post('/namespaces', { slug: 'acme' }), 'slug_conflict');
  isProblem(t, await bob.patch('/namespaces/other', { slug: 'acme' }), 'slug_conflict');
  t.equal((await bob.get('/namespaces/other')).status, 200, 'a rejected rename changes nothing');
});

test('exactly one of parallel creates, and of parallel renames, to one slug succeeds', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  const slugs = Array.from({ length: 20 }, (_, index) => `n${index}`);
  const assertOne = async (answers: Promise<Answer>[], success: number) => {
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    t.equal(statuses.filter((status) => status === success).length, 1, 'one succeeds');
    t.equal(statuses.filter((status) => status === 409).length, 19, 'the others are 409');
  };
  await assertOne(
    slugs.map(() => alice.post('/namespaces', { slug: 'created' })),
    201,
  );
  await createAll(service, 'alice', slugs);
  await assertOne(
    slugs.map((slug) => alice.patch(`/namespaces/${slug}`, { slug: 'renamed' })),
    200,
  );
});

test('a rename takes effect at once, and frees the old slug when it is not reserved', async (t) => {
  const service = await startService(t, { slugHoldDays: 0 });
  const [alice, bob] = [await service.as('alice'), await service.as('bob')];
  const created = await alice.post('/namespaces', { slug: 'before', name: 'Acme' });
  await alice.post('/namespaces/before/spaces', { name: 'Lab' });
  const renamed = await alice.patch('/namespaces/before', { slug: 'after' });
  t.equal(renamed.status, 200);
  t.equal(renamed.text, namespaceText(renamed, { slug: 'after', name: 'Acme', spaces: 1 }));
  t.equal(pick(renamed.json, 'id'), pick(created.json, 'id'));

  for (const rest of ['', '/spaces']) {
    const { status, headers } = await alice.get(`/namespaces/before${rest}`);
    t.same([status, headers.location], [308, `/namespaces/after${rest}`]);
    isProblem(t, await bob.get(`/namespaces/before${rest}`), 'namespace_not_found');
  }
  t.equal((await alice.get('/namespaces/after')).text, renamed.text);
  t.match((await alice.get('/namespaces/after/spaces')).json, { spaces: [{ slug: 'lab' }] });

  t.equal((await bob.post('/namespaces', { slug: 'before' })).status, 201);
  isProblem(
    t,
    await alice.get('/namespaces/before'),
    'namespace_not_found',
    'it is another namespace',
  );
  t.match((await bob.get('/namespaces/before/spaces')).json, { spaces: [], total: 0 });
});

test('an update changes the given fields and no others', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  const created = await alice.post('/namespaces', {
    slug: 'acme',
    name: 'Acme',
    metadata: { a: 1 },
  });
  const steps: [title: string, body: unknown, expected: Record<string, unknown>][] = [
    ['a name', { name: ' New ' }, { name: 'New', metadata: { a: 1 } }],
    ['metadata is replaced whole', { metadata: { b: 2 } }, { name: 'New', metadata: { b: 2 } }],
    ['its own slug', { slug: 'acme' }, { name: 'New', metadata: { b: 2 } }],
    ['null clears the name', { name: null }, { metadata: { b: 2 } }],
    ['null clears metadata', { metadata: null }, {}],
  ];
  let before = pickString(created.json, 'updatedAt');
  for (const [title, body, expected] of steps) {
    const answer = await alice.patch('/namespaces/acme', body);
    t.equal(answer.status, 200, title);
    t.equal(answer.text, namespaceText(answer, { slug: 'acme', ...expected }), title);
    t.equal(pick(answer.json, 'createdAt'), pick(created.json, 'createdAt'), title);
    const after = pickString(answer.json, 'updatedAt');
    t.ok(after >= before, `${title}: updatedAt does not go back`);
    t.equal((await alice.get('/namespaces/acme')).text, answer.text, `${title}: it is stored`);
    before = after;
  }
  for (const body of [{ slug: null }, { slug: 'A' }, { name: '' }, { metadata: [] }, { id: '1' }]) {
    const answer = await alice.patch('/namespaces/acme', body);
    isProblem(t, answer, 'validation_failed', JSON.stringify(body));
  }
});

test('an empty update changes nothing', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  const created = await alice.post('/namespaces', { slug: 'acme', name: 'Acme' });
  for (const answer of [
    await alice.patch('/namespaces/acme', {}),
    await alice.mergePatch('/namespaces/acme', {}),
    await alice.get('/namespaces/acme'),
  ]) {
    t.equal(answer.status, 200);
    t.equal(answer.text, created.text);
  }
});

test('a merge patch merges metadata and replaces other fields', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme', name: 'Acme' });
  const steps: [patch: unknown, expected: Record<string, unknown>][] = [
    [{ metadata: { a: { x: 1, y: [1] }, b: 1 } }, { metadata: { a: { x: 1, y: [1] }, b: 1 } }],
    [{ metadata: { a: { x: null, y: [2] } } }, { metadata: { a: { y: [2] }, b: 1 } }],
    [
      { metadata: { a: null }, name: 'New' },
      { name: 'New', metadata: { b: 1 } },
    ],
    [{ metadata: { b: { c: { d: null } } } }, { metadata: { b: { c: {} } } }],
    [{ metadata: {} }, { metadata: { b: { c: {} } } }],
    [{ metadata: null }, { metadata: null }],
    [
      { name: null, slug: 'renamed' },
      { name: null, slug: 'renamed' },
    ],
  ];
  let slug = 'acme';
  for (const [patch, expected] of steps) {
    const answer = await alice.mergePatch(`/namespaces/${slug}`, patch);
    t.equal(answer.status, 200, JSON.stringify(patch));
    slug = pickString(answer.json, 'slug');
    for (const [key, value] of Object.entries(expected)) {
      t.same(pick(answer.json, key), value, `${JSON.stringify(patch)}: ${key}`);
    }
    t.equal((await alice.get(`/namespaces/${slug}`)).text, answer.text, 'it is stored');
  }
  const large = { metadata: { a: 'x'.repeat(9 * 1024) } };
  t.equal((await alice.mergePatch('/namespaces/renamed', large)).status, 200);
  const more = { metadata: { b: 'x'.repeat(9 * 1024) } };
  const answer = await alice.mergePatch('/namespaces/renamed', more);
  isProblem(t, answer, 'validation_failed', 'merged metadata has the same limits');
});

test('parallel merge patches of one namespace all take effect', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`);
  const answers = await Promise.all(
    keys.map((key) => alice.mergePatch('/namespaces/acme', { metadata: { [key]: true } })),
  );
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]));
  const { json } = await alice.get('/namespaces/acme');
  t.same(pick(json, 'metadata'), Object.fromEntries(keys.map((key) => [key, true])));
});
