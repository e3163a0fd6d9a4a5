import t, { type Test, test } from 'tap';
import { type Answer, type Client, startService } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { operationsWithin } from '../../helpers/operations.js';
import type { Operation } from '../../helpers/operations/operation.js';
import { isProblem } from '../../helpers/problem.js';
import { members, seedNamespace } from '../../helpers/seed.js';

/** Two services on one database: a write through `here` takes effect at once in `there`. */
const here = await startService(t);
const there = await startService(t, { databaseUrl: here.databaseUrl });

let changes = 0;

/**
 * Selects every third operation, starting at another one for each change; all of them with `MATRIX_ALL=1`.
 *
 * @returns operations, each with the slug of a namespace of its own
 */
function nextOperations(): [slug: string, operation: Operation][] {
  const change = (changes += 1);
  const isTried = (index: number) => process.env['MATRIX_ALL'] === '1' || index % 3 === change % 3;
  return operationsWithin.flatMap((operation, index) =>
    isTried(index) ? [[`acme-${change}-${index}`, operation]] : [],
  );
}

/**
 * Sends operations to one process right after each change that was made through another.
 *
 * @param change sent through `here` by the owner of the namespace
 * @param subject the caller of `there`, which has cached the namespace
 * @param verify checks the response
 */
async function afterChange(
  t: Test,
  change: (owner: Client, slug: string) => Promise<Answer>,
  subject: string,
  verify: (answer: Answer, operation: Operation, slug: string) => void,
  slugToAsk: (slug: string) => string = (slug) => slug,
): Promise<void> {
  const owner = await here.as(members.owner);
  const caller = await there.as(subject);
  for (const [slug, operation] of nextOperations()) {
    await seedNamespace(here, slug);
    t.equal((await caller.get(`/namespaces/${slug}`)).status, 200, 'the process has cached it');
    t.ok((await change(owner, slug)).status < 300, 'the change is made');
    verify(await caller.send(operation.request(slugToAsk(slug))), operation, slug);
  }
}

const removed: [subject: string, role: string][] = [
  [members.viewer, 'viewer'],
  [members.editor, 'editor'],
];
for (const [subject, role] of removed) {
  test(`a removed ${role} has no access at the next request, in every process`, (t) =>
    afterChange(
      t,
      (owner, slug) => owner.delete(`/namespaces/${slug}/members/${subject}`),
      subject,
      (answer, { title }) => {
        isProblem(t, answer, 'namespace_not_found', title);
      },
    ));
}

test('a demoted owner has the new role at the next request, in every process', (t) =>
  afterChange(
    t,
    async (owner, slug) => {
      const path = `/namespaces/${slug}/members`;
      await owner.put(`${path}/second-owner`, { role: 'owner' });
      return owner.put(`${path}/${members.owner}`, { role: 'viewer' });
    },
    members.owner,
    (answer, { title, role, status }) => {
      if (role === 'viewer') t.equal(answer.status, status, title);
      else isProblem(t, answer, 'insufficient_role', title);
    },
  ));

test('a promoted viewer has the new role at the next request, in every process', (t) =>
  afterChange(
    t,
    (owner, slug) => owner.put(`/namespaces/${slug}/members/${members.viewer}`, { role: 'owner' }),
    members.viewer,
    (answer, { title, status }) => {
      t.equal(answer.status, status, title);
    },
  ));

test('the old slug of a renamed namespace redirects at the next request, in every process', (t) =>
  afterChange(
    t,
    (owner, slug) => owner.patch(`/namespaces/${slug}`, { slug: `new-${slug}` }),
    members.owner,
    (answer, { title, request }, slug) => {
      const { method, path } = request(`new-${slug}`);
      if (method === 'GET') {
        t.same([answer.status, answer.headers.location], [308, path], title);
      } else {
        isProblem(t, answer, 'namespace_not_found', title);
        t.match(answer.json, { detail: new RegExp(`"new-${slug}"`) }, title);
      }
    },
  ));

test('the old slug of a renamed namespace is 404 for non-members at the next request, in every process', (t) =>
  afterChange(
    t,
    async (owner, slug) => {
      await owner.delete(`/namespaces/${slug}/members/${members.viewer}`);
      return owner.patch(`/namespaces/${slug}`, { slug: `new-${slug}` });
    },
    members.viewer,
    (answer, { title }, slug) => {
      isProblem(t, answer, 'namespace_not_found', title);
      t.notMatch(answer.text, `new-${slug}`, title);
    },
  ));

test('a namespace that takes an old slug has it at the next request, in every process', (t) =>
  afterChange(
    t,
    async (owner, slug) => {
      await owner.patch(`/namespaces/${slug}`, { slug: `new-${slug}` });
      return owner.post('/namespaces', { slug });
    },
    members.viewer,
    (answer, { title }) => {
      isProblem(t, answer, 'namespace_not_found', title);
    },
  ));

test('the new slug of a renamed namespace is found at the next request, in every process', (t) =>
  afterChange(
    t,
    (owner, slug) => owner.patch(`/namespaces/${slug}`, { slug: `new-${slug}` }),
    members.owner,
    (answer, { title, status }) => {
      t.equal(answer.status, status, title);
    },
    (slug) => `new-${slug}`,
  ));

test('a deleted namespace is 404 at the next request, in every process', (t) =>
  afterChange(
    t,
    (owner, slug) => owner.delete(`/namespaces/${slug}`),
    members.owner,
    (answer, { title, id, status }) => {
      if (id === 'restoreNamespace') t.equal(answer.status, status, title);
      else isProblem(t, answer, 'namespace_not_found', title);
    },
  ));

test('a restored namespace is found at the next request, in every process', async (t) => {
  const owner = await here.as(members.owner);
  const caller = await there.as(members.owner);
  for (const [slug, { title, status, request }] of nextOperations()) {
    await seedNamespace(here, slug);
    await caller.get(`/namespaces/${slug}`);
    await owner.delete(`/namespaces/${slug}`);
    isProblem(t, await caller.get(`/namespaces/${slug}`), 'namespace_not_found', title);
    t.equal((await owner.post(`/namespaces/${slug}/restore`)).status, 200, title);
    t.equal((await caller.send(request(slug))).status, status, title);
  }
});

test('a slug resolves to its current namespace, in every process', async (t) => {
  const owner = await here.as(members.owner);
  const caller = await there.as(members.owner);
  const ids: unknown[] = [];
  for (const name of ['first', 'second', 'third']) {
    await seedNamespace(here, 'acme');
    await owner.patch('/namespaces/acme', { name });
    const { json } = await caller.get('/namespaces/acme');
    t.equal(pick(json, 'name'), name, name);
    ids.push(pick(json, 'id'));
    t.equal((await caller.patch('/namespaces/acme/spaces/lab', { name })).status, 200, name);
    await owner.patch('/namespaces/acme', { slug: `was-${name}` });
  }
  t.equal(new Set(ids).size, 3);
  for (const name of ['first', 'second', 'third']) {
    const { json } = await caller.get(`/namespaces/was-${name}/spaces/lab`);
    t.match(
      json,
      { name, namespace: { slug: `was-${name}` } },
      'each namespace keeps its own space',
    );
  }
});

test('a space written through one process is read through the other', async (t) => {
  await seedNamespace(here, 'acme');
  const [writer, reader] = [await here.as(members.editor), await there.as(members.viewer)];
  const lab = '/namespaces/acme/spaces/lab';
  t.equal((await reader.get(lab)).status, 200);
  await writer.patch(lab, { slug: 'renamed' });
  t.equal((await reader.get(lab)).headers.location, '/namespaces/acme/spaces/renamed');
  t.equal((await reader.get('/namespaces/acme/spaces/renamed')).status, 200);
  await writer.delete('/namespaces/acme/spaces/renamed');
  t.match((await reader.get('/namespaces/acme/spaces')).json, { spaces: [], total: 0 });
  await writer.post('/namespaces/acme/spaces/renamed/restore');
  t.match((await reader.get('/namespaces/acme/spaces')).json, { total: 1 });
  t.equal((await reader.get(lab)).status, 308);
  await writer.put(lab, { name: 'Another' });
  t.match((await reader.get(lab)).json, { name: 'Another' }, 'another space has the slug');
  await writer.delete(lab);
  isProblem(t, await reader.get(lab), 'space_not_found', 'the slug no longer redirects');
});
