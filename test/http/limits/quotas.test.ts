import { test } from 'tap';
import { type Answer, startService } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

const quotas = { namespacesPerSubject: 3, spacesPerNamespace: 3, membersPerNamespace: 3 };

/** @returns the number of responses by status */
function tally(answers: Answer[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const many = <Value>(make: (index: number) => Value) =>
  Array.from({ length: 12 }, (_, i) => make(i));

test('a subject creates namespaces up to its quota, regardless of their members', async (t) => {
  const service = await startService(t, { quotas });
  const [alice, bob] = [await service.as('alice'), await service.as('bob')];
  const create = (slug: string) => alice.post('/namespaces', { slug });
  t.same(tally(await Promise.all(many((i) => create(`n${i}`)))), { 201: 3, 403: 9 });
  const rejected = await create('one-more');
  isProblem(t, rejected, 'quota_exceeded');
  t.match(rejected.json, { detail: /3 active namespaces created by one subject/ });
  isProblem(t, await bob.get('/namespaces/one-more'), 'namespace_not_found', 'nothing was created');
  t.equal((await bob.post('/namespaces', { slug: 'one-more' })).status, 201, 'the slug is free');

  const { json } = await alice.get('/namespaces');
  t.equal(pick(json, 'total'), 3);
  const slug = String(pick(json, 'namespaces', 0, 'slug'));
  await alice.put(`/namespaces/${slug}/members/bob`, { role: 'owner' });
  for (const own of ['b1', 'b2'])
    t.equal((await bob.post('/namespaces', { slug: own })).status, 201, own);
  isProblem(
    t,
    await bob.post('/namespaces', { slug: 'b3' }),
    'quota_exceeded',
    'bob, too, has created three',
  );

  t.equal((await bob.delete(`/namespaces/${slug}`)).status, 204);
  t.equal((await create('instead')).status, 201, 'a deleted one no longer counts for its creator');
  isProblem(
    t,
    await alice.post(`/namespaces/${slug}/restore`),
    'quota_exceeded',
    'a restore beyond the quota',
  );
  await alice.delete('/namespaces/instead');
  const restores = many(() => alice.post(`/namespaces/${slug}/restore`));
  t.same(tally(await Promise.all(restores)), { 200: 12 }, 'concurrent restores');
  isProblem(t, await create('again'), 'quota_exceeded');
});

test('a namespace has spaces up to its quota, by every operation that creates or restores them', async (t) => {
  const service = await startService(t, { quotas });
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  const spaces = '/namespaces/acme/spaces';
  const create = (name: string) => alice.post(spaces, { name });
  const ensure = (slug: string) => alice.put(`${spaces}/${slug}`, { name: slug });
  const batch = (...names: string[]) =>
    alice.post(`${spaces}/batch`, { spaces: names.map((name) => ({ name })) });
  const total = async () => pick((await alice.get(spaces)).json, 'total');

  const ways = [
    (i: number) => create(`a${i}`),
    (i: number) => ensure(`b${i}`),
    (i: number) => batch(`c${i}`),
  ];
  const answers = await Promise.all(ways.flatMap((way) => many(way)));
  t.same(tally(answers), { 201: 3, 403: 33 });
  t.equal(await total(), 3);
  const rejected = await create('one-more');
  isProblem(t, rejected, 'quota_exceeded');
  t.match(rejected.json, { detail: /3 active spaces in a namespace/ });

  const { json } = await alice.get(spaces);
  const [gone, other] = [0, 1].map((index) => String(pick(json, 'spaces', index, 'slug')));
  t.equal((await ensure(String(other))).status, 200, 'an existing space is not counted again');
  t.equal((await alice.patch(`${spaces}/${gone}`, { name: 'Other' })).status, 200);
  await alice.delete(`${spaces}/${gone}`);
  isProblem(t, await batch('x', 'y'), 'quota_exceeded', 'a batch beyond the quota');
  t.equal(await total(), 2);
  t.equal((await create('third')).status, 201);
  isProblem(t, await alice.post(`${spaces}/${gone}/restore`), 'quota_exceeded');
  await alice.delete(`${spaces}/third`);
  t.equal((await alice.post(`${spaces}/${gone}/restore`)).status, 200);
  isProblem(t, await create('fourth'), 'quota_exceeded');
  t.equal(await total(), 3);
});

test('a quota counts the resources created before it was set', async (t) => {
  const before = await startService(t);
  const { databaseUrl } = before;
  const alice = await before.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  const spaces = '/namespaces/acme/spaces';
  await Promise.all(many((i) => alice.post(spaces, { name: `a${i}` })));
  await Promise.all(many((i) => alice.delete(`${spaces}/a${i}`)));
  await Promise.all(many((i) => alice.post(spaces, { name: `b${i}` })));

  const after = await (await startService(t, { databaseUrl, quotas })).as('alice');
  isProblem(
    t,
    await after.post(spaces, { name: 'c' }),
    'quota_exceeded',
    'the namespace exceeds its quota',
  );
  for (let i = 0; i < 10; i += 1) await after.delete(`${spaces}/b${i}`);
  t.same(tally(await Promise.all(many((i) => after.post(spaces, { name: `d${i}` })))), {
    201: 1,
    403: 11,
  });
  t.equal(
    (await alice.post(spaces, { name: 'e' })).status,
    201,
    'a service without quotas has no limit',
  );
});

test('a namespace has members up to its quota', async (t) => {
  const service = await startService(t, { quotas });
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  const members = '/namespaces/acme/members';
  const put = (subject: string, role = 'viewer') => alice.put(`${members}/${subject}`, { role });
  t.same(tally(await Promise.all(many((i) => put(`m${i}`)))), { 201: 2, 403: 10 });
  const rejected = await put('one-more');
  isProblem(t, rejected, 'quota_exceeded');
  t.match(rejected.json, { detail: /3 members in a namespace/ });
  const { json } = await alice.get(members);
  t.equal(pick(json, 'total'), 3);
  const existing = String(pick(json, 'members', 1, 'subject'));
  t.equal((await put(existing, 'editor')).status, 200, 'an existing member is not counted again');
  t.equal((await alice.delete(`${members}/${existing}`)).status, 204);
  t.equal((await put('another')).status, 201);
});

test('the counters of members, memberships and created namespaces stay exact under concurrent changes', async (t) => {
  const service = await startService(t);
  const clients = await Promise.all(['ann', 'ben', 'cat'].map((subject) => service.as(subject)));
  const [ann, ben, cat] = clients;
  if (!ann || !ben || !cat) throw new Error('There are three clients');
  const slugs = ['x', 'y'];
  for (const slug of slugs) {
    await ann.post('/namespaces', { slug });
    await ann.put(`/namespaces/${slug}/members/ben`, { role: 'owner' });
  }
  // Parallel changes of members, deletions and restores of both namespaces, in many rounds.
  for (let round = 0; round < 15; round += 1) {
    await Promise.all(
      slugs.flatMap((slug) => {
        const path = `/namespaces/${slug}`;
        return [
          ann.put(`${path}/members/cat`, { role: 'viewer' }),
          ben.put(`${path}/members/m${round}`, { role: 'viewer' }),
          cat.delete(`${path}/members/cat`),
          ann.delete(path),
          ben.post(`${path}/restore`),
          ann.patch(path, { name: `Round ${round}` }),
          ben.put(`${path}/members/dan`, { role: 'viewer' }),
        ];
      }),
    );
  }
  for (const slug of slugs) await ann.post(`/namespaces/${slug}/restore`);
  await ann.delete('/namespaces/y');
  const wrong = await service.db.$client`
    with belonging as (
      select subject, count(*) as count from members m join namespaces n on n.id = m.namespace_id
      where n.deleted_at is null group by subject
    ), creation as (
      select created_by as subject, count(*) as count from namespaces where deleted_at is null group by created_by
    )
    select c.subject from subject_counters c
      left join belonging on belonging.subject = c.subject left join creation on creation.subject = c.subject
    where memberships <> coalesce(belonging.count, 0) or created <> coalesce(creation.count, 0)
    union all
    select slug from namespaces n
      join (select namespace_id, count(*) as count from members group by namespace_id) m on m.namespace_id = n.id
    where members <> m.count`;
  t.same([...wrong], []);
  for (const client of clients) {
    const { json } = await client.get('/namespaces');
    t.match(pick(json, 'namespaces'), { length: pick(json, 'total') }, client.subject);
  }
});
