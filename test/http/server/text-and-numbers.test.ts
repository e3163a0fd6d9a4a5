/** What is stored reads back as it was sent, one text is one text, and what is too much is rejected early. */
import { test } from 'tap';
import { type Client, startService } from '../../helpers/app.js';
import { pick, pickString } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

const json = { 'content-type': 'application/json' };
const merge = { 'content-type': 'application/merge-patch+json' };

/** Every place that takes metadata, as text of a request; `M` stands for it, and `path` is where it is. */
const writers: Record<
  string,
  { send: (client: Client, metadata: string) => ReturnType<Client['get']>; path: string }
> = {
  createNamespace: {
    send: (client, metadata) =>
      client.send({
        method: 'POST',
        path: '/namespaces',
        body: `{"slug":"other","metadata":${metadata}}`,
        headers: json,
      }),
    path: '/metadata',
  },
  updateNamespace: {
    send: (client, metadata) =>
      client.send({
        method: 'PATCH',
        path: '/namespaces/team',
        body: `{"metadata":${metadata}}`,
        headers: json,
      }),
    path: '/metadata',
  },
  createSpace: {
    send: (client, metadata) =>
      client.send({
        method: 'POST',
        path: '/namespaces/team/spaces',
        body: `{"name":"A","slug":"created","metadata":${metadata}}`,
        headers: json,
      }),
    path: '/metadata',
  },
  createSpaces: {
    send: (client, metadata) =>
      client.send({
        method: 'POST',
        path: '/namespaces/team/spaces/batch',
        body: `{"spaces":[{"name":"B"},{"name":"C","metadata":${metadata}}]}`,
        headers: json,
      }),
    path: '/spaces/1/metadata',
  },
  ensureSpace: {
    send: (client, metadata) =>
      client.send({
        method: 'PUT',
        path: '/namespaces/team/projects/ensured',
        body: `{"name":"A","metadata":${metadata}}`,
        headers: json,
      }),
    path: '/metadata',
  },
  updateSpace: {
    send: (client, metadata) =>
      client.send({
        method: 'PATCH',
        path: '/namespaces/team/projects/lab',
        body: `{"metadata":${metadata}}`,
        headers: json,
      }),
    path: '/metadata',
  },
  'updateSpace, merge patch': {
    send: (client, metadata) =>
      client.send({
        method: 'PATCH',
        path: '/namespaces/team/projects/lab',
        body: `{"metadata":${metadata}}`,
        headers: merge,
      }),
    path: '/metadata',
  },
  'the filter metadata': {
    send: (client, metadata) =>
      client.get(`/namespaces/team/spaces?metadata=${encodeURIComponent(metadata)}`),
    path: '/metadata',
  },
};

async function startTeam(t: Parameters<typeof startService>[0]): Promise<Client> {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'team' });
  await alice.post('/namespaces/team/spaces', { name: 'Lab' });
  return alice;
}

test('a number that would not read back as it was sent is 400, wherever metadata is taken', async (t) => {
  const alice = await startTeam(t);
  const unsafe = [
    '9007199254740992',
    '9007199254740993',
    '-9007199254740993',
    '1764000000000000000',
    '1e16',
    '1e308',
    '1e400',
    '-1e400',
    '1e-400',
    '0.1e-400',
    '123456789012345678901234567890',
  ];
  for (const [title, { send, path }] of Object.entries(writers)) {
    for (const number of unsafe) {
      for (const [metadata, place] of [
        [`{"a/b":{"id":${number}}}`, '/a~1b/id'],
        [`{"text":"1e400, {\\"","list":[1,${number}]}`, '/list/1'],
      ] as const) {
        const answer = await send(alice, metadata);
        isProblem(t, answer, 'validation_failed', `${title}: ${metadata}`);
        t.match(answer.text, `"path": "${path}${place}"`, `${title}: ${metadata} is named`);
      }
    }
  }
  const { json: space } = await alice.get('/namespaces/team/projects/lab');
  t.equal(pick(space, 'version'), 1, 'nothing was written');
});

test('safe numbers read back as they were sent', async (t) => {
  const alice = await startTeam(t);
  const numbers = [
    '9007199254740991',
    '-9007199254740991',
    '0',
    '-0.5',
    '0.1',
    '1.5e3',
    '0.30000000000000004',
    '1e-7',
    '2.5e-10',
    '0e999',
    '0.0',
  ];
  const body = `{"metadata":{"numbers":[${numbers.join(',')}],"text":"9007199254740993"}}`;
  const written = await alice.send({
    method: 'PATCH',
    path: '/namespaces/team/projects/lab',
    body,
    headers: json,
  });
  t.equal(written.status, 200, written.text);
  t.strictSame(pick(pick(written.json, 'metadata'), 'numbers'), numbers.map(Number));
});

test('metadata is bounded by what PostgreSQL writes of it and by its values, the filter more closely', async (t) => {
  const alice = await startTeam(t);
  const write = (metadata: object) => alice.patch('/namespaces/team/projects/lab', { metadata });
  isProblem(
    t,
    await write({ tiny: Array.from({ length: 900 }, () => 5e-324) }),
    'validation_failed',
    'digits',
  );
  isProblem(
    t,
    await write({ list: Array.from({ length: 1000 }, () => 1) }),
    'validation_failed',
    'values',
  );
  t.equal((await write({ list: Array.from({ length: 900 }, () => 1) })).status, 200);
  const filter = (value: object) =>
    alice.get(`/namespaces/team/spaces?metadata=${encodeURIComponent(JSON.stringify(value))}`);
  for (const value of [
    { a: [[1]] },
    { a: [{ b: 1 }] },
    { a: 'x'.repeat(1024) },
    { list: Array.from({ length: 50 }, () => 1) },
  ]) {
    isProblem(t, await filter(value), 'validation_failed', JSON.stringify(value).slice(0, 40));
  }
  t.equal((await filter({ a: { b: [1, 2, 'x'] } })).status, 200);
});

test('a text is one text in whatever form it comes, and is searched so', async (t) => {
  const alice = await startTeam(t);
  const name = 'Café 机器人';
  const created = await alice.post('/namespaces/team/spaces', {
    name: `  ${name.normalize('NFD')} `,
    tags: [' é'.normalize('NFD')],
    description: 'é'.normalize('NFD'),
  });
  t.equal(created.status, 201, created.text);
  t.equal(pick(created.json, 'name'), name.normalize('NFC'));
  t.strictSame(pick(created.json, 'tags'), ['é'.normalize('NFC')]);
  t.equal(pick(created.json, 'description'), 'é'.normalize('NFC'));
  isProblem(
    t,
    await alice.post('/namespaces/team/spaces', { name: name.normalize('NFC') }),
    'slug_conflict',
  );
  for (const form of ['NFC', 'NFD']) {
    for (const query of [
      `q=${encodeURIComponent('CAFÉ'.normalize(form))}`,
      `tag=${encodeURIComponent('é'.normalize(form))}`,
    ]) {
      t.equal(
        pick((await alice.get(`/namespaces/team/spaces?${query}`)).json, 'total'),
        1,
        `${form} ${query}`,
      );
    }
  }
});

test('names and tags have a visible character and nothing that hides or turns text', async (t) => {
  const alice = await startTeam(t);
  const bad = [
    '\u200b',
    '\u00ad',
    '\u2060\u200d',
    '\u3164',
    '\u2800',
    '\ufeff',
    'a\u0007b',
    'a\u202eb',
    'a\u2066b',
    'a\u2028b',
    'a\nb',
    'a\u009fb',
    ' \u00a0 ',
  ];
  const good = ['👩‍🚀', '🏳️‍🌈', 'می‌خواهم', 'क्षि', '机器人', 'a b', '…', '1', 'é'.normalize('NFD')];
  for (const [index, text] of [...bad, ...good].entries()) {
    const status = index < bad.length ? 400 : 201;
    const title = encodeURIComponent(text);
    const requests = {
      space: alice.post('/namespaces/team/spaces', { name: text, slug: `s${index}` }),
      tag: alice.post('/namespaces/team/spaces', { name: 'A', slug: `t${index}`, tags: [text] }),
      namespace: alice.post('/namespaces', { slug: `n${index}`, name: text }),
    };
    for (const [what, request] of Object.entries(requests)) {
      t.equal((await request).status, status, `${what}: ${title}`);
    }
  }
});

test('tags that are the same text are duplicates', async (t) => {
  const alice = await startTeam(t);
  for (const tags of [
    ['a', 'a'],
    [' a', 'a'],
    ['é'.normalize('NFC'), 'é'.normalize('NFD')],
    ['__proto__', '__proto__'],
  ]) {
    const answer = await alice.patch('/namespaces/team/projects/lab', { tags });
    isProblem(t, answer, 'validation_failed', JSON.stringify(tags));
    t.match(pickString(answer.json, 'detail'), 'duplicate');
  }
});

test('a large bad body is rejected by its first violation, a small one by all, at most twenty', async (t) => {
  const alice = await startTeam(t);
  const violations = async (body: unknown) => {
    const answer = await alice.post('/namespaces/team/spaces', body);
    isProblem(t, answer, 'validation_failed');
    const errors = pick(answer.json, 'errors');
    return Array.isArray(errors) ? errors.map((each: unknown) => pickString(each, 'path')) : [];
  };
  t.strictSame(
    await violations({ name: 'x', tags: Array(30_000).fill(1) }),
    ['/tags'],
    'size comes first',
  );
  const unknown = Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`k${n}`, 1]));
  t.equal((await violations({ name: 'x', ...unknown })).length, 1);
  t.strictSame(await violations({ name: 1, slug: '!', tags: [1, 2] }), [
    '/name',
    '/slug',
    '/tags/0',
    '/tags/1',
  ]);
  t.equal((await violations({ name: 'x', tags: Array(50).fill(1) })).length, 20);
});

test('times at the ends of the calendar are answered, in every list', async (t) => {
  const alice = await startTeam(t);
  const times: [string, number][] = [
    ['9999-12-31T23:59:59-01:00', 0],
    ['9999-12-31T23:59:59.999999Z', 0],
    ['9999-12-31T23:59:59+23:59', 0],
    ['0000-01-01T00:00:00Z', 1],
    ['0000-01-01T00:00:00+23:59', 1],
    ['0001-01-01T00:00:00-23:59', 1],
    ['1970-01-01T00:00:00.000000001Z', 1],
  ];
  for (const name of ['createdAfter', 'createdBefore', 'updatedAfter']) {
    for (const [time, after] of times) {
      const answer = await alice.get(`/namespaces/team/spaces?${name}=${encodeURIComponent(time)}`);
      t.equal(answer.status, 200, `${name}=${time}`);
      t.equal(
        pick(answer.json, 'total'),
        name === 'createdBefore' ? 1 - after : after,
        `${name}=${time}`,
      );
    }
  }
});
