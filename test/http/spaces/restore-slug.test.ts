import t, { test } from 'tap';
import { type Client, startService } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

const service = await startService(t);
const alice = await service.as('alice');
let count = 0;

/** Makes a deleted resource whose slug another one has taken. */
const kinds: Record<string, () => Promise<{ path: string; id: unknown; at: string }>> = {
  namespace: async () => {
    const slug = `acme-${++count}`;
    const { json } = await alice.post('/namespaces', { slug });
    await alice.delete(`/namespaces/${slug}`);
    await alice.post('/namespaces', { slug });
    return { path: `/namespaces/${slug}`, id: pick(json, 'id'), at: '/namespaces' };
  },
  space: async () => {
    const slug = `lab-${++count}`;
    await alice.post('/namespaces', { slug: 'home' });
    const at = '/namespaces/home/projects';
    const { json } = await alice.post(at, { name: 'Lab', slug });
    await alice.delete(`${at}/${slug}`);
    await alice.post(at, { name: 'Lab', slug });
    return { path: `${at}/${slug}`, id: pick(json, 'id'), at };
  },
};

const keyed = (client: Client, path: string, key: string, body?: unknown) =>
  client.send({
    method: 'POST',
    path,
    headers: { 'idempotency-key': key },
    ...(body !== undefined && { body }),
  });

for (const [kind, make] of Object.entries(kinds)) {
  test(`a ${kind} with a taken slug is restored under another slug`, async (t) => {
    const { path, id, at } = await make();
    isProblem(t, await alice.post(`${path}/restore`), 'slug_conflict');
    isProblem(t, await alice.post(`${path}/restore`, {}), 'slug_conflict');
    const slug = `again-${++count}`;
    const restored = await alice.post(`${path}/restore`, { slug });
    t.equal(restored.status, 200, restored.text);
    t.match(restored.json, { id, slug }, kind);
    t.match((await alice.get(`${at}/${slug}`)).json, { id, slug }, kind);
    t.equal((await alice.get(path)).status, 200, 'the other one still exists');
    t.not(pick((await alice.get(path)).json, 'id'), id, kind);
  });

  test(`a restore of a ${kind} under another slug is replayed for its key, and 422 for another slug`, async (t) => {
    const { path, id } = await make();
    const slug = `again-${++count}`;
    const first = await keyed(alice, `${path}/restore`, `key-${slug}`, { slug });
    t.match(first.json, { id, slug }, first.text);
    const again = await keyed(alice, `${path}/restore`, `key-${slug}`, { slug });
    t.equal(again.status, 200, again.text);
    t.equal(again.text, first.text, kind);
    t.equal(again.headers['idempotent-replayed'], 'true', kind);
    const other = { slug: `${slug}-x` };
    isProblem(
      t,
      await keyed(alice, `${path}/restore`, `key-${slug}`, other),
      'idempotency_key_reused',
    );
  });

  test(`an invalid slug for the restore of a ${kind} is 400, and a taken one 409`, async (t) => {
    const { path } = await make();
    for (const body of [{ slug: 'Not One' }, { slug: null }, { slug: '' }, { name: 'x' }, [], 1]) {
      isProblem(t, await alice.post(`${path}/restore`, body), 'validation_failed');
    }
    const slug = path.split('/').at(-1);
    isProblem(t, await alice.post(`${path}/restore`, { slug }), 'slug_conflict', 'the taken one');
  });
}

test('the old slug of a namespace that is restored under another slug redirects to it', async (t) => {
  const slug = `old-${++count}`;
  await alice.post('/namespaces', { slug });
  await alice.delete(`/namespaces/${slug}`);
  await alice.post(`/namespaces/${slug}/restore`, { slug: `${slug}-now` });
  const answer = await alice.get(`/namespaces/${slug}`);
  t.same([answer.status, answer.headers.location], [308, `/namespaces/${slug}-now`]);
});

test('If-Match restores the namespace or the space with its tag among many deleted later', async (t) => {
  const sql = service.db.$client;
  const first = await alice.post('/namespaces', { slug: 'crowd' });
  const etag = String((await alice.delete('/namespaces/crowd')).headers.etag);
  const headers = { 'if-match': etag };
  await sql`
    insert into namespaces (id, slug, deleted_at)
    select gen_random_uuid(), 'crowd', now() from generate_series(1, 1500)`;
  const stranger = await service.as('stranger');
  isProblem(t, await stranger.post('/namespaces/crowd/restore'), 'namespace_not_found');
  const restore = { method: 'POST', path: '/namespaces/crowd/restore' } as const;
  isProblem(t, await stranger.send({ ...restore, headers }), 'namespace_not_found');
  const byLast = await alice.post('/namespaces/crowd/restore');
  t.equal(pick(byLast.json, 'id'), pick(first.json, 'id'), 'the last one of the caller');

  const again = String((await alice.delete('/namespaces/crowd')).headers.etag);
  const answer = await alice.send({ ...restore, headers: { 'if-match': again } });
  t.equal(pick(answer.json, 'id'), pick(first.json, 'id'));

  const spaces = '/namespaces/crowd/spaces';
  const lab = await alice.post(spaces, { name: 'Lab' });
  const tag = String((await alice.delete(`${spaces}/lab`)).headers.etag);
  await sql`
    insert into spaces (namespace_id, id, name, slug, tags, deleted_at)
    select id, gen_random_uuid(), 'Lab', 'lab', '[]', now() from namespaces, generate_series(1, 1500)
    where slug = 'crowd' and deleted_at is null`;
  const back = await alice.send({
    method: 'POST',
    path: `${spaces}/lab/restore`,
    headers: { 'if-match': tag },
  });
  t.equal(pick(back.json, 'id'), pick(lab.json, 'id'), back.text);
});
