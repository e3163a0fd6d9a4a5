import { randomUUID } from 'node:crypto';
import t, { test } from 'tap';
import { type Client, startService } from '../../../helpers/app.js';
import { isProblem } from '../../../helpers/problem.js';
import { assertProblem, INVALID } from '../../../helpers/spaces.js';
import { lab, makeLab, operations, spaces } from './operations.js';
import { isReplay, post, startAcme, total } from './setup.js';

const service = await startService(t);

test('a repeated request with the same key gets the saved response and has no second effect', async (t) => {
  for (const { title, path, body, prepare, undo, read } of operations) {
    const { owner } = await startAcme(t, service);
    await prepare(owner);
    const first = await post(owner, path, 'key-1', body);
    t.ok(first.status < 300, `${title} succeeds`);
    const after = await read(owner);
    isReplay(t, await post(owner, path, 'key-1', body), first, `${title}, again`);
    t.equal((await read(owner)).text, after.text, `${title}: nothing is written`);

    t.equal((await undo(owner)).status, 204, title);
    isReplay(t, await post(owner, path, 'key-1', body), first, `${title}, after it was undone`);
    t.equal((await read(owner)).status, 404, `${title}: no second effect`);

    const other = await post(owner, path, 'key-2', body);
    t.equal(other.status, first.status, `${title} with another key`);
    t.equal(other.headers['idempotent-replayed'], undefined, title);
    t.equal((await read(owner)).status, 200, title);
  }
});

test('a restore of an active resource is saved', async (t) => {
  const { owner } = await startAcme(t, service);
  await owner.post(spaces, { name: 'Lab' });
  await owner.post(`${lab}/episodes`, { name: 'run' });
  const asset = await owner.post(`${lab}/assets`, { path: '/a', kind: 'file', uri: 'urn:a:b' });
  const assetPath = String(asset.headers['location']);
  for (const path of [`${lab}/episodes/run`, assetPath, `${spaces}/lab`, '/namespaces/acme']) {
    const first = await post(owner, `${path}/restore`, 'key', undefined);
    t.equal(first.status, 200, path);
    await owner.delete(path);
    isReplay(t, await post(owner, `${path}/restore`, 'key'), first, path);
    t.equal((await owner.get(path)).status, 404, 'it stays deleted');
  }
});

test('an upsert that changes nothing is saved', async (t) => {
  const { owner } = await startAcme(t, service);
  await makeLab(owner);
  await owner.post(`${lab}/episodes`, { name: 'run' });
  const first = await post(owner, `${lab}/episodes`, 'key', { name: 'run' });
  t.equal(first.status, 200);
  await owner.patch(`${lab}/episodes/run`, { description: 'changed' });
  isReplay(
    t,
    await post(owner, `${lab}/episodes`, 'key', { name: 'run' }),
    first,
    'the saved response',
  );
});

test('member order and white space do not change the fingerprint of a body', async (t) => {
  const { owner } = await startAcme(t, service);
  const first = await post(
    owner,
    spaces,
    'key',
    '{"name":"Lab","metadata":{"a":1,"b":{"c":2,"d":3}}}',
  );
  const again = await post(
    owner,
    spaces,
    'key',
    '{ "metadata": {"b": {"d": 3, "c": 2}, "a": 1}, "name": "Lab" }',
  );
  isReplay(t, again, first, 'the same request');
});

test('another body with the same key is 422 and has no effect', async (t) => {
  const { owner } = await startAcme(t, service);
  await post(owner, spaces, 'key', { name: 'Lab', tags: ['a', 'b'] });
  for (const body of [
    { name: 'Other', tags: ['a', 'b'] },
    { name: 'Lab', tags: ['b', 'a'] },
    { name: 'Lab', tags: ['a', 'b'], slug: 'lab' },
    { name: 'Lab' },
  ]) {
    isProblem(t, await post(owner, spaces, 'key', body), 'idempotency_key_reused');
  }
  t.equal(await total(owner), 1);
  await post(owner, '/namespaces', 'key', { slug: 'one' });
  isProblem(t, await post(owner, '/namespaces', 'key', { slug: 'two' }), 'idempotency_key_reused');
  isProblem(t, await owner.get('/namespaces/two'), 'namespace_not_found');
});

test('a key belongs to one subject, one operation and one resource', async (t) => {
  const { owner } = await startAcme(t, service);
  const editor = await service.as('ed');
  const key = randomUUID();
  await owner.post('/namespaces', { slug: 'other' });
  const requests: [Client, string, unknown][] = [
    [owner, spaces, { name: 'Lab' }],
    [editor, spaces, { name: 'Bench' }],
    [owner, '/namespaces/other/spaces', { name: 'Shop' }],
    [owner, '/namespaces', { slug: 'third' }],
    [editor, '/namespaces', { slug: 'fourth' }],
    [owner, `${spaces}/lab/restore`, undefined],
    [owner, `${spaces}/bench/restore`, undefined],
    [owner, '/namespaces/acme/restore', undefined],
    [owner, '/namespaces/other/restore', undefined],
  ];
  for (const [client, path, body] of requests) {
    const answer = await post(client, path, key, body);
    t.ok(answer.status < 300, `${client.subject}: ${path}`);
    t.equal(answer.headers['idempotent-replayed'], undefined, path);
  }
  t.equal(await total(owner), 2);
});

test('both nouns of a path share their keys', async (t) => {
  const { owner } = await startAcme(t, service);
  const first = await post(owner, spaces, 'key', { name: 'Lab' });
  const again = await post(owner, '/namespaces/acme/projects', 'key', { name: 'Lab' });
  isReplay(t, again, first, 'projects');
});

test('an invalid key is 400', async (t) => {
  const { owner } = await startAcme(t, service);
  const keys = ['', 'a b', 'ä', 'a\u007f', 'k'.repeat(256), 'a\tb'];
  for (const key of keys) {
    for (const { path, body } of operations) {
      const answer = await post(owner, path, key, body);
      assertProblem(t, answer, INVALID, `"${key.slice(0, 5)}"`, ['/idempotency-key']);
    }
  }
  for (const key of ['k'.repeat(255), '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~%_\\'"]) {
    t.equal((await post(owner, spaces, key, { name: `Of ${key.length}` })).status, 201, key);
  }
});

test('a failure is not saved, and the request is executed again', async (t) => {
  const { owner } = await startAcme(t, service);
  await owner.post(spaces, { name: 'Lab' });
  const attempt = () => post(owner, spaces, 'key', { name: 'Other', slug: 'lab' });
  isProblem(t, await attempt(), 'slug_conflict');
  isProblem(t, await attempt(), 'slug_conflict', 'a second attempt');
  const restore = () => post(owner, `${spaces}/none/restore`, 'key');
  isProblem(t, await restore(), 'space_not_found');
  await owner.delete(`${spaces}/lab`);
  t.equal((await attempt()).status, 201, 'the slug is free');
  await owner.post(spaces, { name: 'None' });
  t.equal((await restore()).status, 200, 'the space exists');
});

test('a replayed restore ignores If-Match', async (t) => {
  const { owner } = await startAcme(t, service);
  for (const path of [`${spaces}/lab`, '/namespaces/acme']) {
    await owner.post(spaces, { name: 'Lab' });
    const tag = String((await owner.delete(path)).headers.etag);
    const restore = (ifMatch: string) =>
      owner.send({
        method: 'POST',
        path: `${path}/restore`,
        headers: { 'idempotency-key': 'key', 'if-match': ifMatch },
      });
    isProblem(t, await restore('"stale"'), 'precondition_failed');
    const first = await restore(tag);
    t.equal(first.status, 200, path);
    isReplay(t, await restore(tag), first, path);
  }
});
