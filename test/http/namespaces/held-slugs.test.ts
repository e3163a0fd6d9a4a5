import t, { test } from 'tap';
import type { Answer } from '../../helpers/app.js';
import { startService } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

const service = await startService(t);
const [alice, bob] = [await service.as('alice'), await service.as('bob')];
const admin = await service.as('trusted-service', 'admin');
const sql = service.db.$client;

let count = 0;
const newSlug = () => `held-${++count}`;

/** The operations that release the slug of a namespace. */
const releases: Record<string, (slug: string) => Promise<Answer>> = {
  rename: (slug) => alice.patch(`/namespaces/${slug}`, { slug: `${slug}-now` }),
  deletion: (slug) => alice.delete(`/namespaces/${slug}`),
};

/** @returns a slug that a namespace of alice has released */
async function releasedSlug(release: (slug: string) => Promise<Answer>): Promise<string> {
  const slug = newSlug();
  t.equal((await alice.post('/namespaces', { slug })).status, 201);
  t.ok((await release(slug)).status < 300);
  return slug;
}

/** The operations that take a slug: create, rename, restore. */
const takes: Record<string, (caller: typeof bob, slug: string) => Promise<Answer>> = {
  create: (caller, slug) => caller.post('/namespaces', { slug }),
  'create with a key': (caller, slug) =>
    caller.send({
      method: 'POST',
      path: '/namespaces',
      body: { slug },
      headers: { 'idempotency-key': slug },
    }),
  rename: async (caller, slug) => {
    const own = newSlug();
    await caller.post('/namespaces', { slug: own });
    return caller.patch(`/namespaces/${own}`, { slug });
  },
  restore: async (caller, slug) => {
    const own = newSlug();
    await caller.post('/namespaces', { slug: own });
    await caller.delete(`/namespaces/${own}`);
    return caller.post(`/namespaces/${own}/restore`, { slug });
  },
};

test('a released slug is reserved for its last owners, in every operation that takes slugs', async (t) => {
  for (const [way, release] of Object.entries(releases)) {
    for (const [title, take] of Object.entries(takes)) {
      const slug = await releasedSlug(release);
      isProblem(t, await take(bob, slug), 'slug_conflict', `${way}, ${title} by another`);
      const own = await take(alice, slug);
      t.ok(own.status < 300, `${way}, ${title} by the owner: ${own.text}`);
      t.equal(pick((await alice.get(`/namespaces/${slug}`)).json, 'slug'), slug, title);
    }
  }
});

test('every last owner and an admin token may take a released slug; an editor may not', async (t) => {
  for (const release of Object.values(releases)) {
    const slug = newSlug();
    await alice.post('/namespaces', { slug });
    await alice.put(`/namespaces/${slug}/members/bob`, { role: 'editor' });
    await release(slug);
    isProblem(t, await bob.post('/namespaces', { slug }), 'slug_conflict', 'an editor');
    t.equal((await admin.post('/namespaces', { slug })).status, 201, 'a trusted service');
    const other = newSlug();
    await alice.post('/namespaces', { slug: other });
    await alice.put(`/namespaces/${other}/members/bob`, { role: 'owner' });
    await release(other);
    t.equal((await bob.post('/namespaces', { slug: other })).status, 201, 'a second owner');
  }
});

test('a released slug is free for all after the reservation of 30 days', async (t) => {
  for (const release of Object.values(releases)) {
    const slug = await releasedSlug(release);
    const age = (hours: number) =>
      sql`update namespace_slugs set freed_at = now() - make_interval(hours => ${hours}) where slug = ${slug}`;
    await age(30 * 24 - 1);
    isProblem(t, await bob.post('/namespaces', { slug }), 'slug_conflict', 'an hour before');
    await age(30 * 24);
    t.equal((await bob.post('/namespaces', { slug })).status, 201);
    isProblem(t, await alice.post('/namespaces', { slug }), 'slug_conflict', 'it is taken');
  }
});

test('a request of another subject during the release of a slug is 409', async (t) => {
  for (let round = 0; round < 30; round += 1) {
    for (const release of Object.values(releases)) {
      const slug = newSlug();
      await alice.post('/namespaces', { slug });
      const [left, ...taken] = await Promise.all([
        release(slug),
        ...Array.from({ length: 4 }, () => bob.post('/namespaces', { slug })),
      ]);
      t.ok(left.status < 300, `round ${round}`);
      t.same(
        taken.map(({ status }) => status),
        [409, 409, 409, 409],
      );
    }
  }
});

test('exactly one of parallel requests that may take a slug succeeds', async (t) => {
  const slug = await releasedSlug((one) => alice.delete(`/namespaces/${one}`));
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => alice.post('/namespaces', { slug })),
  );
  t.same(answers.map(({ status }) => status).sort(), [201, ...Array<number>(7).fill(409)]);
  const rows = await sql`select freed_at from namespace_slugs where slug = ${slug}`;
  t.same([...rows], [{ freed_at: null }]);
});

test('a rejected write takes no slug and frees none', async (t) => {
  const slug = newSlug();
  const created = await alice.post('/namespaces', { slug });
  await alice.put(`/namespaces/${slug}/members/bob`, { role: 'editor' });
  const wanted = newSlug();
  const path = `/namespaces/${slug}`;
  const rejected = [
    await alice.send({
      method: 'PATCH',
      path,
      body: { slug: wanted },
      headers: { 'if-match': '"x"' },
    }),
    await bob.patch(path, { slug: wanted }),
    await alice.send({ method: 'DELETE', path, headers: { 'if-match': '"x"' } }),
    await bob.delete(path),
  ];
  t.same(
    rejected.map(({ status }) => status),
    [412, 403, 412, 403],
  );
  const rows = await sql`
    select slug, freed_at from namespace_slugs where held_by = ${String(pick(created.json, 'id'))}`;
  t.same([...rows], [{ slug, freed_at: null }]);
  t.equal((await bob.post('/namespaces', { slug: wanted })).status, 201);
});
