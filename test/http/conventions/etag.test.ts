import t, { test } from 'tap';
import type { Answer } from '../../helpers/app.js';
import { conditional, etagOf, makeTagged } from '../../helpers/etag.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';
import { assertProblem, INVALID, read, Space, startSpaces } from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);
const { send, sendIfMatch } = conditional(owner);
const resources = () => makeTagged(makeNamespace);

test('every response with one resource has the strong ETag of its GET', async (t) => {
  const { path, spaces, projects } = await makeNamespace();
  const agrees = async (answer: Answer, of: string, title: string) => {
    t.equal(etagOf(answer), etagOf(await owner.get(of)), title);
  };
  await agrees(await owner.patch(path, { name: 'Named' }), path, 'updateNamespace');
  const lab = `${projects}/lab`;
  await agrees(await owner.post(spaces, { name: 'Lab' }), lab, 'createSpace');
  await agrees(await owner.patch(lab, { tags: ['a'] }), lab, 'updateSpace');
  await agrees(await owner.mergePatch(lab, { metadata: { a: 1 } }), lab, 'updateSpace, merged');
  await agrees(await owner.patch(lab, {}), lab, 'empty updateSpace');
  const ensured = await owner.put(`${projects}/ensured`, { name: 'Ensured' });
  await agrees(ensured, `${projects}/ensured`, 'ensureSpace');
  for (const [kind, body] of [
    ['folders', { path: '/a' }],
    ['episodes', { name: 'run' }],
    ['assets', { path: '/b', kind: 'file', uri: 'urn:a:b' }],
  ] as const) {
    const created = await owner.post(`${lab}/${kind}`, body);
    const item = String(created.headers.location);
    await agrees(created, item, `create in ${kind}`);
    const updated = await owner.patch(item, { metadata: { a: 1 } });
    await agrees(updated, item, `update in ${kind}`);
  }
  await owner.delete(lab);
  await agrees(await owner.post(`${lab}/restore`), lab, 'restoreSpace');
  await owner.delete(path);
  await agrees(await owner.post(`${path}/restore`), path, 'restoreNamespace');
  await agrees(await owner.post('/namespaces', { slug: 'tagged' }), '/namespaces/tagged', 'create');
});

test('a write changes the ETag; a read and an empty update do not', async (t) => {
  for (const { title, path, field } of await resources()) {
    const first = etagOf(await owner.get(path));
    t.equal(etagOf(await owner.patch(path, {})), first, `${title}: empty PATCH`);
    const second = etagOf(await owner.patch(path, { [field]: 'x' }));
    t.not(second, first, title);
    t.equal(etagOf(await owner.get(path)), second, title);
  }
});

test('an invalid If-Match or If-None-Match is 400', async (t) => {
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
      t.equal(answer.text, '', title);
      t.equal(answer.headers.etag, tag, title);
    }
    for (const header of ['"a"', `"x,${tag.slice(1)}`]) {
      const answer = await send('GET', path, { 'if-none-match': header });
      t.equal(answer.status, 200, `${title}: ${header}`);
      t.equal(answer.text, first.text, title);
    }
    await owner.patch(path, { [field]: 'changed' });
    const changed = await send('GET', path, { 'if-none-match': tag });
    t.equal(changed.status, 200, title);
    t.equal(pick(changed.json, field), 'changed', title);
  }
});

test('a changed number of spaces changes the ETag of a namespace, and its old tag still permits a write', async (t) => {
  const { path, create } = await makeNamespace();
  const tag = etagOf(await owner.get(path));
  await create({ name: 'Lab' });
  const got = await send('GET', path, { 'if-none-match': tag });
  t.equal(got.status, 200);
  t.match(got.json, { spaces: 1 });
  t.not(etagOf(got), tag);
  // No write can be lost, because the namespace itself is unchanged.
  const written = await sendIfMatch('PATCH', path, tag, { name: 'Written' });
  t.equal(written.status, 200);
  isProblem(t, await sendIfMatch('PATCH', path, tag, { name: 'Lost' }), 'precondition_failed');
});

test('If-None-Match reveals nothing to a non-member', async (t) => {
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
    t.equal(answer.headers.etag, undefined, header);
  }
});

test('an ETag contains the id and the version', async (t) => {
  const { spaces } = await makeNamespace();
  const created = await owner.post(spaces, { name: 'Lab' });
  t.equal(etagOf(created), `"${read(created, Space).id}-1"`);
});
