import t, { test } from 'tap';
import type { Answer, Send } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';
import {
  assertProblem,
  CONFLICT,
  INVALID,
  NO_SPACE,
  read,
  Space,
  startSpaces,
} from '../../helpers/spaces.js';

const PARALLEL = 50;
const mergePatch = { 'content-type': 'application/merge-patch+json' };

const { service, owner, makeNamespace } = await startSpaces(t);

/** @throws when the answer has none, or one that is not strong */
function etagOf({ status, headers, text }: Answer): string {
  const { etag } = headers;
  if (typeof etag !== 'string' || !/^"[!#-~]+"$/.test(etag)) {
    throw new Error(`${status} has no strong ETag: ${text}`);
  }
  return etag;
}

const send = (
  method: Send['method'],
  path: string,
  headers: Record<string, string>,
  body?: unknown,
) => owner.send({ method, path, headers, ...(body !== undefined && { body }) });

const sendIfMatch = (method: Send['method'], path: string, tag: string, body?: unknown) =>
  send(method, path, { 'if-match': tag }, body);

/** A space and a namespace, by path, with what a PATCH may change. */
async function resources(): Promise<{ title: string; path: string; field: string }[]> {
  const { path, projects, create } = await makeNamespace();
  await create({ name: 'Lab' });
  return [
    { title: 'space', path: `${projects}/lab`, field: 'description' },
    { title: 'namespace', path, field: 'name' },
  ];
}

test('every answer of one resource has a strong ETag, the one that its GET has', async (t) => {
  const { path, spaces, projects } = await makeNamespace();
  const agrees = async (answer: Answer, of: string, title: string) => {
    t.equal(etagOf(answer), etagOf(await owner.get(of)), title);
  };
  await agrees(await owner.patch(path, { name: 'Named' }), path, 'updateNamespace');
  const lab = `${projects}/lab`;
  await agrees(await owner.post(spaces, { name: 'Lab' }), lab, 'createSpace');
  await agrees(await owner.patch(lab, { tags: ['a'] }), lab, 'updateSpace');
  await agrees(await owner.mergePatch(lab, { metadata: { a: 1 } }), lab, 'updateSpace, merged');
  await agrees(await owner.patch(lab, {}), lab, 'updateSpace of nothing');
  await owner.delete(lab);
  await agrees(await owner.post(`${lab}/restore`), lab, 'restoreSpace');
  await owner.delete(path);
  await agrees(await owner.post(`${path}/restore`), path, 'restoreNamespace');
  await agrees(await owner.post('/namespaces', { slug: 'tagged' }), '/namespaces/tagged', 'create');
});

test('a write changes the ETag, a read and a write of nothing do not', async (t) => {
  for (const { title, path, field } of await resources()) {
    const first = etagOf(await owner.get(path));
    t.equal(etagOf(await owner.patch(path, {})), first, `${title}: nothing`);
    const second = etagOf(await owner.patch(path, { [field]: 'x' }));
    t.not(second, first, title);
    t.equal(etagOf(await owner.get(path)), second);
  }
});

test('If-Match lets a write through while the tag is current, and answers 412 afterwards', async (t) => {
  for (const { title, path, field } of await resources()) {
    const tag = etagOf(await owner.get(path));
    const first = await sendIfMatch('PATCH', path, tag, { [field]: 'first' });
    t.equal(first.status, 200, title);
    const stale: [string, Answer][] = [
      ['PATCH', await sendIfMatch('PATCH', path, tag, { [field]: 'lost' })],
      ['PATCH of nothing', await sendIfMatch('PATCH', path, tag, {})],
      [
        'merge',
        await send('PATCH', path, { ...mergePatch, 'if-match': tag }, { metadata: { lost: true } }),
      ],
      ['DELETE', await sendIfMatch('DELETE', path, tag)],
      ['restore', await sendIfMatch('POST', `${path}/restore`, tag)],
    ];
    for (const [method, answer] of stale) {
      isProblem(t, answer, 'precondition_failed', `${title}: ${method}`);
    }
    t.match((await owner.get(path)).json, { [field]: 'first', metadata: null }, 'nothing is lost');

    const current = etagOf(first);
    t.equal((await sendIfMatch('PATCH', path, current, {})).status, 200, `${title}: nothing`);
    t.equal((await sendIfMatch('POST', `${path}/restore`, current)).status, 200, 'not deleted');
    const merged = await send(
      'PATCH',
      path,
      { ...mergePatch, 'if-match': current },
      { metadata: { a: 1 } },
    );
    t.equal(merged.status, 200, `${title}: merge`);
    t.equal((await sendIfMatch('DELETE', path, etagOf(merged))).status, 204, `${title}: DELETE`);
  }
});

test('a restore can be made to depend on what was deleted', async (t) => {
  for (const { title, path } of await resources()) {
    const before = etagOf(await owner.get(path));
    const deleted = etagOf(await owner.delete(path));
    const stale = await sendIfMatch('POST', `${path}/restore`, before);
    isProblem(t, stale, 'precondition_failed', title);
    t.equal((await owner.get(path)).status, 404, 'it stays deleted');
    const restored = await sendIfMatch('POST', `${path}/restore`, deleted);
    t.equal(restored.status, 200, title);
    t.equal(etagOf(restored), etagOf(await owner.get(path)));
  }
});

test('only the bytes of a tag that was answered match', async (t) => {
  for (const { title, path, field } of await resources()) {
    const tag = etagOf(await owner.get(path));
    for (const other of [
      `"${tag.slice(1, -1)}.7"`,
      `"x${tag.slice(1)}`,
      '""',
      `"${tag.slice(1, -1)} "`,
    ]) {
      const answer = await sendIfMatch('PATCH', path, other, { [field]: 'lost' });
      t.ok([400, 412].includes(answer.status), `${title}: ${other}`);
    }
  }
});

test('of several deleted ones of a slug, each is restored by its own tag', async (t) => {
  const { projects, create } = await makeNamespace();
  const tags: string[] = [];
  const ids: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const { id } = await create({ name: 'Lab' });
    ids.push(id);
    tags.push(etagOf(await owner.delete(`${projects}/lab`)));
  }
  for (const n of [1, 0, 2]) {
    const restored = await sendIfMatch('POST', `${projects}/lab/restore`, tags[n] ?? '');
    t.equal(restored.status, 200);
    t.match(restored.json, { id: ids[n] });
    await owner.delete(`${projects}/lab`);
  }
});

test('PUT with If-Match creates nothing', async (t) => {
  const { projects, create } = await makeNamespace();
  const put = (header: string) =>
    send('PUT', `${projects}/lab`, { 'if-match': header }, { name: 'Lab' });
  for (const header of ['*', '"x"']) isProblem(t, await put(header), 'precondition_failed', header);
  t.equal((await owner.get(`${projects}/lab`)).status, 404);
  await create({ name: 'Lab' });
  const tag = etagOf(await owner.get(`${projects}/lab`));
  for (const header of ['*', tag]) t.equal((await put(header)).status, 200, header);
  isProblem(t, await put('"x"'), 'precondition_failed');
});

test('a tag is of one resource: another one with the same slug and version does not match', async (t) => {
  const { projects, create } = await makeNamespace();
  await create({ name: 'Lab' });
  const tag = etagOf(await owner.get(`${projects}/lab`));
  await owner.delete(`${projects}/lab`);
  const { id } = await create({ name: 'Lab' });
  for (const [method, body] of [['PATCH', { name: 'Lost' }], ['DELETE']] as const) {
    const answer = await sendIfMatch(method, `${projects}/lab`, tag, body);
    isProblem(t, answer, 'precondition_failed', method);
  }
  t.match((await owner.get(`${projects}/lab`)).json, { id, name: 'Lab', version: 1 });
});

test('If-Match takes an asterisk and lists; a weak tag never matches', async (t) => {
  for (const { title, path, field } of await resources()) {
    const matches = async (header: (tag: string) => string) => {
      const tag = etagOf(await owner.get(path));
      return (await sendIfMatch('PATCH', path, header(tag), { [field]: 'x' })).status;
    };
    t.equal(await matches(() => '*'), 200, `${title}: *`);
    t.equal(await matches((tag) => `"a", ${tag}`), 200, `${title}: list`);
    t.equal(await matches((tag) => `${tag},"a,b"`), 200, `${title}: list without a space`);
    t.equal(await matches((tag) => `, ,W/"x" ,\t${tag},,`), 200, `${title}: empty elements`);
    t.equal(await matches((tag) => `W/${tag}`), 412, `${title}: weak`);
    t.equal(await matches((tag) => `"${tag.slice(1, -1)} "`), 400, `${title}: not a tag`);
    t.equal(await matches((tag) => `"x,${tag.slice(1)}`), 412, `${title}: a comma within`);
    t.equal(await matches(() => '""'), 412, `${title}: the empty tag`);
    t.equal(await matches(() => '"é"'), 412, `${title}: beyond ASCII`);
    t.equal(await matches(() => '"00000000-0000-0000-0000-000000000000-1"'), 412, title);
  }
});

test('a header that is no list of tags is 400', async (t) => {
  const { path, projects, create } = await makeNamespace();
  await create({ name: 'Lab' });
  const lab = `${projects}/lab`;
  const broken = ['', 'x', '"', '"a" "b"', '"a" b', '*, "a"', 'w/"a"', 'W/ "a"', '"a', ',', "'a'"];
  for (const header of [...broken, `${' ,'.repeat(5000)}x`, `${'"a",'.repeat(2000)}x`]) {
    for (const of of [path, lab]) {
      const writes = [
        sendIfMatch('PATCH', of, header, {}),
        sendIfMatch('DELETE', of, header),
        sendIfMatch('POST', `${of}/restore`, header),
      ];
      for (const answer of await Promise.all(writes)) {
        assertProblem(t, answer, INVALID, `If-Match: ${header.slice(0, 20)}`, ['/if-match']);
      }
      const got = await send('GET', of, { 'if-none-match': header });
      assertProblem(t, got, INVALID, `If-None-Match: ${header.slice(0, 20)}`, ['/if-none-match']);
    }
  }
  t.equal((await owner.get(lab)).status, 200, 'nothing was deleted');
});

test('If-None-Match answers 304 without a body while the representation is the same', async (t) => {
  for (const { title, path, field } of await resources()) {
    const first = await owner.get(path);
    const tag = etagOf(first);
    const headers = [tag, `W/${tag}`, '*', `"a", ${tag}`, `"a",W/${tag},`];
    for (const header of headers) {
      const answer = await send('GET', path, { 'if-none-match': header });
      t.equal(answer.status, 304, `${title}: ${header}`);
      t.equal(answer.text, '');
      t.equal(answer.headers.etag, tag);
    }
    for (const header of ['"a"', `"x,${tag.slice(1)}`]) {
      const answer = await send('GET', path, { 'if-none-match': header });
      t.equal(answer.status, 200, `${title}: ${header}`);
      t.equal(answer.text, first.text);
    }
    await owner.patch(path, { [field]: 'changed' });
    const changed = await send('GET', path, { 'if-none-match': tag });
    t.equal(changed.status, 200);
    t.equal(pick(changed.json, field), 'changed');
  }
});

test('a namespace whose count of spaces has changed is not 304, and can still be written', async (t) => {
  const { path, create } = await makeNamespace();
  const tag = etagOf(await owner.get(path));
  await create({ name: 'Lab' });
  const got = await send('GET', path, { 'if-none-match': tag });
  t.equal(got.status, 200);
  t.match(got.json, { spaces: 1 });
  t.not(etagOf(got), tag);
  // The namespace itself is as it was, so no other writer's change can be lost.
  const written = await sendIfMatch('PATCH', path, tag, { name: 'Written' });
  t.equal(written.status, 200);
  isProblem(t, await sendIfMatch('PATCH', path, tag, { name: 'Lost' }), 'precondition_failed');
});

test('of parallel writes with one tag exactly one wins', async (t) => {
  for (const { title, path, field } of await resources()) {
    const kinds: Record<string, (tag: string, index: number) => Promise<Answer>> = {
      PATCH: (tag, index) => sendIfMatch('PATCH', path, tag, { [field]: `by ${index}` }),
      merge: (tag, index) =>
        send(
          'PATCH',
          path,
          { ...mergePatch, 'if-match': tag },
          { metadata: { [`k${index}`]: index } },
        ),
    };
    for (const [kind, write] of Object.entries(kinds)) {
      const tag = etagOf(await owner.get(path));
      const answers = await Promise.all(
        Array.from({ length: PARALLEL }, (_, index) => write(tag, index)),
      );
      const won = answers.filter(({ status }) => status === 200);
      const lost = answers.filter(({ status }) => status === 412);
      t.same([won.length, lost.length], [1, PARALLEL - 1], `${title}: ${kind}`);
      const [winner] = won;
      t.equal(winner && etagOf(winner), etagOf(await owner.get(path)), 'no other wrote');
    }
  }
});

test('of a PATCH and a DELETE with one tag exactly one wins', async (t) => {
  for (let round = 0; round < 10; round += 1) {
    for (const { title, path, field } of await resources()) {
      const tag = etagOf(await owner.get(path));
      const answers = await Promise.all([
        sendIfMatch('PATCH', path, tag, { [field]: 'changed' }),
        sendIfMatch('DELETE', path, tag),
      ]);
      const statuses = answers.map(({ status }) => status).join();
      t.match(statuses, /^(200,412|412,204|404,204)$/, title);
    }
  }
});

test('404 and 403 come before 412, and 412 before 409', async (t) => {
  const { path, spaces, projects, create } = await makeNamespace();
  for (const name of ['Lab', 'Taken']) await create({ name });
  await owner.put(`${path}/members/vic`, { role: 'viewer' });
  const lab = `${projects}/lab`;
  const stale = '"stale"';
  const [viewer, stranger] = [await service.as('vic'), await service.as('stranger')];
  const writes: [Send['method'], string, unknown][] = [
    ['PATCH', '', { slug: 'taken' }],
    ['PATCH', '', {}],
    ['DELETE', '', undefined],
    ['POST', '/restore', undefined],
  ];
  for (const [method, suffix, body] of writes) {
    const request = (of: string): Send => ({
      method,
      path: `${of}${suffix}`,
      headers: { 'if-match': stale },
      ...(body !== undefined && { body }),
    });
    const title = `${method} ${suffix} ${JSON.stringify(body)}`;
    for (const of of [lab, path]) {
      isProblem(t, await stranger.send(request(of)), 'namespace_not_found', title);
      isProblem(t, await viewer.send(request(of)), 'insufficient_role', title);
      isProblem(t, await owner.send(request(of)), 'precondition_failed', title);
    }
    assertProblem(t, await owner.send(request(`${projects}/nowhere`)), NO_SPACE, title);
  }
  const tag = etagOf(await owner.get(lab));
  assertProblem(
    t,
    await sendIfMatch('PATCH', lab, tag, { slug: 'taken' }),
    CONFLICT,
    'last of all',
  );

  await owner.delete(lab);
  await create({ name: 'Lab' });
  const restore = await sendIfMatch('POST', `${spaces}/lab/restore`, stale);
  isProblem(t, restore, 'precondition_failed', 'restore, and the slug is taken');
  assertProblem(
    t,
    await owner.post(`${spaces}/lab/restore`),
    CONFLICT,
    'restore without the header',
  );
});

test('a stranger learns nothing from If-None-Match', async (t) => {
  const { path } = await makeNamespace();
  const tag = etagOf(await owner.get(path));
  const stranger = await service.as('stranger');
  for (const header of [tag, '*']) {
    const answer = await stranger.send({
      method: 'GET',
      path,
      headers: { 'if-none-match': header },
    });
    isProblem(t, answer, 'namespace_not_found');
    t.equal(answer.headers.etag, undefined);
  }
});

test('a tag is made of id and version, and the body holds no more than it did', async (t) => {
  const { spaces } = await makeNamespace();
  const created = await owner.post(spaces, { name: 'Lab' });
  t.equal(etagOf(created), `"${read(created, Space).id}-1"`);
});
