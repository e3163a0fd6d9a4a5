import t, { test } from 'tap';
import type { Answer } from '../../helpers/app.js';
import { openDatabase } from '../../helpers/database.js';
import { waitForLockedSessions } from '../../helpers/locks.js';
import { isProblem } from '../../helpers/problem.js';
import {
  assertProblem,
  INVALID,
  NO_NAMESPACE,
  read,
  Space,
  startSpaces,
} from '../../helpers/spaces.js';

const PARALLEL = 50;

const { service, owner, makeNamespace } = await startSpaces(t);

const ensure = (path: string, headers: Record<string, string>, body: unknown = { name: 'Lab' }) =>
  owner.send({ method: 'PUT', path, body, headers });

const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status).sort();

test('ensure creates a missing space, under both nouns', async (t) => {
  const { spaces, projects, list, details } = await makeNamespace();
  for (const [index, path] of [spaces, projects].entries()) {
    const slug = `lab-${index}`;
    const body = { name: ' Lab ', description: 'Ä', tags: ['a'], metadata: { a: [1, null] } };
    const answer = await owner.put(`${path}/${slug}`, body);
    t.equal(answer.status, 201, path);
    t.equal(answer.headers.location, `${projects}/${slug}`, path);
    const space = read(answer, Space);
    t.same(space, { ...body, id: space.id, name: 'Lab', slug }, path);
    t.equal(answer.headers.etag, `"${space.id}-1"`, path);
    t.match(await details(slug), { ...space, version: 1 }, path);
  }
  t.equal((await list()).total, 2);
});

test('ensure needs only a name, and the slug is that of the path', async (t) => {
  const { spaces } = await makeNamespace();
  for (const [slug, fields] of [
    ['a', {}],
    ['b', { description: null, tags: null, metadata: null }],
  ] as const) {
    const answer = await owner.put(`${spaces}/${slug}`, { name: 'Robotics Lab', ...fields });
    const { id } = read(answer, Space);
    t.equal(
      answer.text,
      JSON.stringify({
        id,
        name: 'Robotics Lab',
        slug,
        description: null,
        tags: [],
        metadata: null,
      }),
    );
  }
});

test('ensure returns an existing space unchanged', async (t) => {
  const { spaces, create, details, list } = await makeNamespace();
  const existing = await create({
    name: 'Lab',
    description: 'First',
    tags: ['a'],
    metadata: { a: 1 },
  });
  const before = await details('lab');
  const answer = await owner.put(`${spaces}/lab`, { name: 'Other', tags: ['b'] });
  t.equal(answer.status, 200);
  t.same(read(answer, Space), existing);
  t.equal(answer.headers.etag, `"${existing.id}-1"`);
  t.equal(answer.headers.location, undefined);
  t.same(await details('lab'), before, 'the version is the same');
  t.equal((await list()).total, 1);
});

test('ensure creates a new space where one was deleted', async (t) => {
  const { spaces, create, list } = await makeNamespace();
  const deleted = await create({ name: 'Lab' });
  await owner.delete(`${spaces}/lab`);
  const answer = await owner.put(`${spaces}/lab`, { name: 'Lab' });
  t.equal(answer.status, 201);
  t.not(read(answer, Space).id, deleted.id);
  t.equal((await list()).total, 1);
});

test('exactly one of parallel ensures creates the space, and all return it', async (t) => {
  const { spaces, list, details } = await makeNamespace();
  const answers = await Promise.all(
    Array.from({ length: PARALLEL }, (_, index) =>
      owner.put(`${spaces}/lab`, { name: `By ${index}` }),
    ),
  );
  t.same(statusesOf(answers), [...Array.from({ length: PARALLEL - 1 }, () => 200), 201]);
  const { id, name } = await details('lab');
  for (const answer of answers) t.match(read(answer, Space), { id, name });
  t.equal((await list()).total, 1);
});

test('parallel ensures, creates and deletes keep the counter exact', async (t) => {
  const { spaces, list } = await makeNamespace();
  const rounds = Array.from({ length: 20 }, () => [
    owner.put(`${spaces}/lab`, { name: 'Lab' }),
    owner.post(spaces, { name: 'Lab' }),
    owner.delete(`${spaces}/lab`),
  ]);
  for (const { status } of await Promise.all(rounds.flat())) {
    t.ok([200, 201, 204, 404, 409].includes(status), String(status));
  }
  const { spaces: items, total } = await list();
  t.equal(items.length, total);
});

test('ensure with If-None-Match: * only creates, and is 412 for an existing space', async (t) => {
  const { spaces, list } = await makeNamespace();
  const headers = { 'if-none-match': '*' };
  t.equal((await ensure(`${spaces}/lab`, headers)).status, 201);
  const answer = await ensure(`${spaces}/lab`, headers);
  isProblem(t, answer, 'precondition_failed');
  t.equal(answer.headers.etag, undefined);
  t.equal((await list()).total, 1);

  const answers = await Promise.all(
    Array.from({ length: PARALLEL }, () => ensure(`${spaces}/new`, headers)),
  );
  t.same(statusesOf(answers), [201, ...Array.from({ length: PARALLEL - 1 }, () => 412)]);
});

test('ensure with If-None-Match is 412 for the tag of the space, 200 for other tags, and 400 for an invalid header', async (t) => {
  const { spaces } = await makeNamespace();
  const tag = String((await ensure(`${spaces}/lab`, { 'if-none-match': '"x"' })).headers.etag);
  for (const header of [tag, `W/${tag}`, `"x", ${tag}`]) {
    const answer = await ensure(`${spaces}/lab`, { 'if-none-match': header });
    isProblem(t, answer, 'precondition_failed', header);
  }
  t.equal((await ensure(`${spaces}/lab`, { 'if-none-match': '"x", "y"' })).status, 200);
  for (const header of ['', 'x', '*, "a"']) {
    const answer = await ensure(`${spaces}/lab`, { 'if-none-match': header });
    assertProblem(t, answer, INVALID, header, ['/if-none-match']);
  }
});

test('ensure with an invalid slug is 400 and names it, because the new space would have it', async (t) => {
  const { spaces, list } = await makeNamespace();
  for (const slug of ['Lab', '-lab', 'a%20b', 'a%00', '%C3%A4', 'a%2Fb', 'a'.repeat(65)]) {
    const answer = await owner.put(`${spaces}/${slug}`, { name: 'Lab' });
    assertProblem(t, answer, INVALID, slug, ['/projectSlug']);
  }
  t.equal((await list()).total, 0);
  t.equal((await owner.put(`${spaces}/${'a'.repeat(64)}`, { name: 'Lab' })).status, 201);
});

test('ensure requires the body of a create, without a slug', async (t) => {
  const { spaces } = await makeNamespace();
  const rows: [unknown, string][] = [
    [{}, '/name'],
    [{ name: '' }, '/name'],
    [{ name: 'Lab', slug: 'lab' }, '/slug'],
    [{ name: 'Lab', slug: null }, '/slug'],
    [{ name: 'Lab', tags: [1] }, '/tags/0'],
    [{ name: 'Lab', unknown: 1 }, '/unknown'],
  ];
  for (const [body, path] of rows) {
    const answer = await owner.put(`${spaces}/lab`, body);
    assertProblem(t, answer, INVALID, JSON.stringify(body), [path]);
  }
  assertProblem(t, await owner.put(`${spaces}/lab`, []), INVALID, 'an array', ['']);
});

test('404 for the namespace and 403 for the role precede the 412 of an ensure', async (t) => {
  const { path, spaces, create } = await makeNamespace();
  await create({ name: 'Lab' });
  await owner.put(`${path}/members/vic`, { role: 'viewer' });
  const headers = { 'if-none-match': '*' };
  const request = {
    method: 'PUT' as const,
    path: `${spaces}/lab`,
    body: { name: 'Lab' },
    headers,
  };
  assertProblem(t, await (await service.as('stranger')).send(request), NO_NAMESPACE, 'a stranger');
  isProblem(t, await (await service.as('vic')).send(request), 'insufficient_role');
  assertProblem(t, await ensure('/namespaces/none/spaces/lab', headers), NO_NAMESPACE, 'none');
});

test('the service retries an ensure whose database connection ends', async (t) => {
  const { slug, spaces, list } = await makeNamespace();
  // A separate pool, because the service replaces its pool when it loses a connection.
  const sql = openDatabase(t, service.databaseUrl).$client;
  let sent: Promise<Answer> | undefined;
  const held = sql.begin(async (holder) => {
    await holder`
      insert into spaces (namespace_id, id, name, slug, tags)
      select id, gen_random_uuid(), 'Held', 'lab', '[]' from namespaces where slug = ${slug}`;
    sent = owner.put(`${spaces}/lab`, { name: 'Lab' });
    const [first = 0] = await waitForLockedSessions(sql);
    await sql`select pg_terminate_backend(${first}::int)`;
    await waitForLockedSessions(sql, 1, first);
    throw new Error('rolled back');
  });
  await t.rejects(held, { message: 'rolled back' });
  t.equal((await sent)?.status, 201);
  t.equal((await list()).total, 1);
});
