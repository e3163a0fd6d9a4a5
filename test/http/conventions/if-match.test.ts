import t, { test } from 'tap';
import type { Answer, Send } from '../../helpers/app.js';
import { conditional, etagOf, makeTagged, mergePatch } from '../../helpers/etag.js';
import { isProblem } from '../../helpers/problem.js';
import { assertProblem, CONFLICT, NO_SPACE, startSpaces } from '../../helpers/spaces.js';

const PARALLEL = 50;

const { service, owner, makeNamespace } = await startSpaces(t);
const { send, sendIfMatch } = conditional(owner);
const resources = () => makeTagged(makeNamespace);

test('a write with If-Match succeeds with the current tag, and is 412 with an old one', async (t) => {
  for (const { title, path, field } of await resources()) {
    const tag = etagOf(await owner.get(path));
    const first = await sendIfMatch('PATCH', path, tag, { [field]: 'first' });
    t.equal(first.status, 200, title);
    const stale: [string, Answer][] = [
      ['PATCH', await sendIfMatch('PATCH', path, tag, { [field]: 'lost' })],
      ['empty PATCH', await sendIfMatch('PATCH', path, tag, {})],
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
    t.equal((await sendIfMatch('PATCH', path, current, {})).status, 200, `${title}: empty PATCH`);
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

test('a restore with If-Match requires the tag of the deletion', async (t) => {
  for (const { title, path } of await resources()) {
    const before = etagOf(await owner.get(path));
    const deleted = etagOf(await owner.delete(path));
    const stale = await sendIfMatch('POST', `${path}/restore`, before);
    isProblem(t, stale, 'precondition_failed', title);
    t.equal((await owner.get(path)).status, 404, 'it stays deleted');
    const restored = await sendIfMatch('POST', `${path}/restore`, deleted);
    t.equal(restored.status, 200, title);
    t.equal(etagOf(restored), etagOf(await owner.get(path)), title);
  }
});

test('a tag matches by its exact bytes only', async (t) => {
  for (const { title, path, field } of await resources()) {
    const tag = etagOf(await owner.get(path));
    for (const [other, status] of [
      [`"${tag.slice(1, -1)}.7"`, 412],
      [`"x${tag.slice(1)}`, 412],
      ['""', 412],
      [`"${tag.slice(1, -1)} "`, 400],
    ] as const) {
      const answer = await sendIfMatch('PATCH', path, other, { [field]: 'lost' });
      t.equal(answer.status, status, `${title}: ${other}`);
    }
    t.equal(etagOf(await owner.get(path)), tag, `${title}: unchanged`);
  }
});

test('If-Match selects among deleted spaces with one slug', async (t) => {
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
    t.equal(restored.status, 200, `n ${n}`);
    t.match(restored.json, { id: ids[n] }, `n ${n}`);
    await owner.delete(`${projects}/lab`);
  }
});

test('PUT with If-Match creates nothing, and is 200 with the tag of an existing space', async (t) => {
  const { projects, create } = await makeNamespace();
  const put = (header: string) =>
    send('PUT', `${projects}/lab`, { 'if-match': header }, { name: 'Lab' });
  for (const header of ['*', '"x"']) isProblem(t, await put(header), 'precondition_failed', header);
  isProblem(t, await owner.get(`${projects}/lab`), 'space_not_found');
  await create({ name: 'Lab' });
  const tag = etagOf(await owner.get(`${projects}/lab`));
  for (const header of ['*', tag]) t.equal((await put(header)).status, 200, header);
  isProblem(t, await put('"x"'), 'precondition_failed');
});

test('a tag does not match another resource with the same slug and version', async (t) => {
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

test('If-Match accepts an asterisk and lists; a weak tag never matches', async (t) => {
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

test('exactly one of parallel writes with one tag succeeds', async (t) => {
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
      t.equal(
        winner && etagOf(winner),
        etagOf(await owner.get(path)),
        'no other write takes effect',
      );
    }
  }
});

test('exactly one of a PATCH and a DELETE with one tag succeeds', async (t) => {
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

test('404 and 403 precede 412, and 412 precedes 409', async (t) => {
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
    '409 comes last',
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
