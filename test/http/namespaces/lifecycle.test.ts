import { test } from 'tap';
import { startService } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { operations, operationsWithin } from '../../helpers/operations.js';
import { isProblem } from '../../helpers/problem.js';
import { members, seedNamespace } from '../../helpers/seed.js';

test('a deleted namespace is indistinguishable from one that never existed', async (t) => {
  const service = await startService(t);
  const callers = [
    await service.as(members.owner),
    await service.as(members.editor),
    await service.as('stranger'),
    await service.as('root', 'admin'),
  ];
  const forDeleted = ['restoreNamespace', 'deleteNamespace, permanent'];
  const requests = operationsWithin.filter(({ title }) => !forDeleted.includes(title));
  const sendAll = async () => {
    const texts: string[] = [];
    for (const caller of callers) {
      for (const { title, request } of requests) {
        const answer = await caller.send(request('acme'));
        isProblem(t, answer, 'namespace_not_found', `${title} as ${caller.subject}`);
        texts.push(answer.text);
      }
    }
    return texts;
  };
  const before = await sendAll();
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  t.equal((await owner.delete('/namespaces/acme')).status, 204);
  t.same(await sendAll(), before);
});

test('a delete is 204 without a body, and a second one 404', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  const answer = await alice.delete('/namespaces/acme');
  t.equal(answer.status, 204);
  t.equal(answer.text, '');
  isProblem(t, await alice.delete('/namespaces/acme'), 'namespace_not_found');
});

test('the slug of a deleted namespace can be reused by anyone when it is not reserved', async (t) => {
  const service = await startService(t, { slugHoldDays: 0 });
  const [alice, bob] = [await service.as('alice'), await service.as('bob')];
  const first = await alice.post('/namespaces', { slug: 'acme' });
  await alice.post('/namespaces/acme/spaces', { name: 'Lab' });
  await alice.delete('/namespaces/acme');
  const second = await bob.post('/namespaces', { slug: 'acme' });
  t.equal(second.status, 201);
  t.not(pick(second.json, 'id'), pick(first.json, 'id'));
  t.match((await bob.get('/namespaces/acme/spaces')).json, { spaces: [], total: 0 });
  isProblem(t, await alice.get('/namespaces/acme'), 'namespace_not_found');

  await alice.post('/namespaces', { slug: 'renamed' });
  await bob.delete('/namespaces/acme');
  const renamed = await alice.patch('/namespaces/renamed', { slug: 'acme' });
  t.equal(renamed.status, 200, 'by a rename');
});

test('a restore returns the namespace with its members and spaces', async (t) => {
  const service = await startService(t);
  const owner = await service.as(members.owner);
  await seedNamespace(service, 'acme');
  await owner.patch('/namespaces/acme', { name: 'Acme', metadata: { a: 1 } });
  const before = await owner.get('/namespaces/acme');
  const listed = await owner.get('/namespaces/acme/members');
  const spaces = await owner.get('/namespaces/acme/spaces');
  await owner.delete('/namespaces/acme');

  const restored = await owner.post('/namespaces/acme/restore');
  t.equal(restored.status, 200);
  for (const key of ['id', 'slug', 'name', 'metadata', 'spaces', 'createdAt']) {
    t.same(pick(restored.json, key), pick(before.json, key), key);
  }
  t.equal((await owner.get('/namespaces/acme')).text, restored.text);
  t.equal((await owner.get('/namespaces/acme/members')).text, listed.text);
  t.equal((await owner.get('/namespaces/acme/spaces')).text, spaces.text);
  const editor = await service.as(members.editor);
  t.equal((await editor.post('/namespaces/acme/spaces', { name: 'New' })).status, 201);
  const gone = await editor.post('/namespaces/acme/spaces/gone/restore');
  t.equal(gone.status, 200, 'a space that was deleted before can still be restored');
});

test('only an owner or an admin token restores a namespace', async (t) => {
  const service = await startService(t);
  await seedNamespace(service, 'acme');
  await (await service.as(members.owner)).delete('/namespaces/acme');
  const restore = async (subject: string, scope?: string) =>
    (await service.as(subject, scope)).post('/namespaces/acme/restore');
  isProblem(t, await restore('stranger'), 'namespace_not_found');
  isProblem(t, await restore(members.viewer), 'insufficient_role');
  isProblem(t, await restore(members.editor), 'insufficient_role');
  t.equal((await restore(members.owner)).status, 200);
  await (await service.as(members.owner)).delete('/namespaces/acme');
  t.equal((await restore('root', 'admin')).status, 200);
  const { status } = await (await service.as(members.owner)).get('/namespaces/acme');
  t.equal(status, 200);
});

test('a restore is 409 while the slug is taken, and succeeds when it is free', async (t) => {
  const service = await startService(t, { slugHoldDays: 0 });
  const [alice, bob] = [await service.as('alice'), await service.as('bob')];
  for (const taker of [alice, bob]) {
    const slug = `by-${taker.subject}`;
    const first = await alice.post('/namespaces', { slug });
    await alice.delete(`/namespaces/${slug}`);
    await taker.post('/namespaces', { slug });
    isProblem(t, await alice.post(`/namespaces/${slug}/restore`), 'slug_conflict');
    await taker.patch(`/namespaces/${slug}`, { slug: `moved-${slug}` });
    const restored = await alice.post(`/namespaces/${slug}/restore`);
    t.equal(restored.status, 200);
    t.equal(pick(restored.json, 'id'), pick(first.json, 'id'));
  }
});

test('a restore selects the namespace of the caller that was deleted last', async (t) => {
  const service = await startService(t, { slugHoldDays: 0 });
  const [alice, bob] = [await service.as('alice'), await service.as('bob')];
  const ids: unknown[] = [];
  for (const owner of [alice, alice, bob]) {
    ids.push(pick((await owner.post('/namespaces', { slug: 'acme' })).json, 'id'));
    await owner.delete('/namespaces/acme');
  }
  const restored = await alice.post('/namespaces/acme/restore');
  t.equal(pick(restored.json, 'id'), ids[1]);
});

test('a restore of a namespace that is not deleted changes nothing', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  const created = await alice.post('/namespaces', { slug: 'acme' });
  const answer = await alice.post('/namespaces/acme/restore');
  t.equal(answer.status, 200);
  t.equal(answer.text, created.text);
  isProblem(t, await alice.post('/namespaces/none/restore'), 'namespace_not_found');
  isProblem(t, await alice.post('/namespaces/Not%20One/restore'), 'namespace_not_found');
});

test('the number of spaces changes with creates, deletes and restores', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  const count = async () => pick((await alice.get('/namespaces/acme')).json, 'spaces');
  const names = ['One', 'Two', 'Three'];
  await Promise.all(names.map((name) => alice.post('/namespaces/acme/spaces', { name })));
  t.equal(await count(), 3, 'created');
  await alice.post('/namespaces/acme/spaces', { name: 'One' });
  t.equal(await count(), 3, 'a conflict does not count');
  await alice.delete('/namespaces/acme/spaces/one');
  await alice.delete('/namespaces/acme/spaces/one');
  t.equal(await count(), 2, 'deleted, once');
  await alice.patch('/namespaces/acme/spaces/two', { slug: 'zwei' });
  t.equal(await count(), 2, 'an update does not count');
  await alice.post('/namespaces/acme/spaces/one/restore');
  await alice.post('/namespaces/acme/spaces/one/restore');
  t.equal(await count(), 3, 'restored, once');
  t.match((await alice.patch('/namespaces/acme', { name: 'Acme' })).json, { spaces: 3 });
  await alice.delete('/namespaces/acme');
  t.match((await alice.post('/namespaces/acme/restore')).json, { spaces: 3 });
});

test('an invalid slug in a path is 404', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  const slugs = ['Acme', 'a%20b', '%00', '-a', 'a'.repeat(65), 'a'.repeat(8000), '%F0%9F%A4%96'];
  for (const { title, role, request } of operations) {
    if (role === null) continue;
    for (const slug of slugs) {
      const answer = await alice.send(request(slug));
      isProblem(t, answer, 'namespace_not_found', `${title} of "${slug.slice(0, 65)}"`);
    }
  }
});
