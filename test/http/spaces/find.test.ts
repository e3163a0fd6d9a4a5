import { Type } from '@sinclair/typebox';
import { sql } from 'drizzle-orm';
import t, { test } from 'tap';
import { list, type Query, search, slugsOf } from '../../helpers/lists.js';
import { assertProblem, INVALID, read, startSpaces } from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

test('q matches a part of the name, slug or description, in any case', async (t) => {
  const { spaces, create } = await makeNamespace();
  await create({ name: 'Robotics Lab', slug: 'one' });
  await create({ name: 'Two', slug: 'my-robots' });
  await create({ name: 'Three', slug: 'three', description: 'A ROBOT in\nhall 7: 100 % _done_' });
  await create({ name: 'Größe Ärger', slug: 'four' });
  await create({ name: '机器人 实验室', slug: 'five' });
  await create({ name: 'End', slug: 'six', description: String.raw`C:\robo` });
  const rows: [string, string[]][] = [
    ['robot', ['one', 'my-robots', 'three']],
    ['ROBOTICS l', ['one']],
    ['ob', ['one', 'my-robots', 'three', 'six']],
    ['r', ['one', 'my-robots', 'three', 'four', 'six']],
    ['100 %', ['three']],
    ['0%', []],
    ['_', ['three']],
    ['%', ['three']],
    [String.raw`\r`, ['six']],
    ['größe ä', ['four']],
    ['器人', ['five']],
    ['器人 实', ['five']],
    ['labone', []],
    ['nothing like it', []],
  ];
  for (const [q, expected] of rows) t.same(slugsOf(await list(owner, spaces, { q })), expected, q);
});

test('a space matches all given tags and metadata, and any given slug', async (t) => {
  const { spaces, create } = await makeNamespace();
  await create({
    name: 'a',
    tags: ['x', 'y'],
    metadata: { team: 'a', at: { city: 'Ulm', no: 1 } },
  });
  await create({ name: 'b', tags: ['y'], metadata: { team: 'b', list: [1, 2] } });
  await create({ name: 'c', metadata: {} });
  await create({ name: 'd' });
  const rows: [Query, string[]][] = [
    [{ tag: 'y' }, ['a', 'b']],
    [{ tag: ['y', 'x'] }, ['a']],
    [{ tag: 'Y' }, []],
    [{ metadata: '{"team":"a"}' }, ['a']],
    [{ metadata: '{"at":{"city":"Ulm"}}' }, ['a']],
    [{ metadata: '{"list":[2]}' }, ['b']],
    [{ metadata: '{"at":{}}' }, ['a']],
    [{ metadata: '{}' }, ['a', 'b', 'c']],
    [{ slug: ['b', 'd', 'zz'] }, ['b', 'd']],
    [{ slug: 'c' }, ['c']],
    [{ slug: ['a', 'b'], tag: 'x', q: 'a' }, ['a']],
  ];
  for (const [query, expected] of rows) {
    t.same(slugsOf(await list(owner, spaces, query)), expected, search(query));
  }
});

test('filters by time include their start and exclude their end', async (t) => {
  const { spaces, create } = await makeNamespace();
  for (const name of ['a', 'b', 'c']) await create({ name });
  const createdAt = async (slug: string) =>
    read(await owner.get(`${spaces}/${slug}`), Type.Object({ createdAt: Type.String() })).createdAt;
  // The ids contain the time of creation, and are changed because all three may be created in one millisecond.
  await service.db.execute(sql`
    update spaces set id = overlay(id::text placing
      case when slug = 'a' then '01990000-0000' when slug = 'b' then '01990000-0001' else '01990000-0002' end
      from 1)::uuid, updated_at = ('2026-01-01'::timestamp
      + case when slug = 'a' then 0 when slug = 'b' then 1 else 2 end * interval '1 ms') at time zone 'UTC'
    where slug in ('a', 'b', 'c') and namespace_id = (
      select id from namespaces where slug = ${spaces.split('/')[2]})`);
  const b = await createdAt('b');
  t.equal(b, new Date(0x019900000001).toISOString(), 'createdAt is the time in the id');
  const rows: [Query, string[]][] = [
    [{ createdAfter: b }, ['b', 'c']],
    [{ createdBefore: b }, ['a']],
    [{ createdAfter: b, createdBefore: await createdAt('c') }, ['b']],
    [{ createdAfter: b.replace('Z', '1Z') }, ['c']],
    [{ createdBefore: b.replace('Z', '0001Z') }, ['a', 'b']],
    [{ createdAfter: '0000-01-01T00:00:00Z' }, ['a', 'b', 'c']],
    [{ createdAfter: '9999-12-31T23:59:59.999Z' }, []],
    [{ updatedAfter: '2026-01-01T01:00:00.001+01:00' }, ['b', 'c']],
    [{ updatedAfter: '0000-01-01T00:00:00Z' }, ['a', 'b', 'c']],
  ];
  for (const [query, expected] of rows) {
    t.same(slugsOf(await list(owner, spaces, query)), expected, search(query));
  }
});

test('a list with deleted spaces has deletedAt, a list of active ones does not', async (t) => {
  const { spaces, create } = await makeNamespace();
  for (const name of ['a', 'b', 'c']) await create({ name });
  await owner.delete(`${spaces}/b`);
  const { spaces: deleted, total } = await list(owner, spaces, { state: 'deleted' });
  t.equal(total, 1);
  t.equal(deleted[0]?.slug, 'b');
  t.match(deleted[0]?.deletedAt, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
  t.same(
    (await list(owner, spaces, { state: 'all' })).spaces.map(({ slug, deletedAt }) => [
      slug,
      deletedAt === null,
    ]),
    [
      ['a', true],
      ['b', false],
      ['c', true],
    ],
  );
  t.notOk(
    (await list(owner, spaces, { state: 'active' })).spaces.some((item) => 'deletedAt' in item),
  );
});

test('an invalid or unknown parameter of the list is 400 and named', async (t) => {
  const { spaces } = await makeNamespace();
  const rows: [string, string][] = [
    ['nonsense=1', '/nonsense'],
    ['q=', '/q'],
    ['q=a&q=b', '/q'],
    [`q=${'a'.repeat(201)}`, '/q'],
    ['q=%00', '/q'],
    ['q=a%1Fb', '/q'],
    ['tag=', '/tag/0'],
    ['tag=a&tag=', '/tag/1'],
    ['slug=Not%20a%20slug', '/slug/0'],
    ['metadata=%7B', '/metadata'],
    ['metadata=%5B%5D', '/metadata'],
    ['metadata=null', '/metadata'],
    ['metadata=%7B%22a%22%3A%22%5Cu0000%22%7D', '/metadata'],
    [`metadata=${'{"a":'.repeat(17)}1${'}'.repeat(17)}`, '/metadata'],
    ['createdAfter=yesterday', '/createdAfter'],
    ['createdAfter=2026-01-01', '/createdAfter'],
    ['updatedAfter=', '/updatedAfter'],
    ['sort=size', '/sort'],
    ['sort=name&sort=slug', '/sort'],
    ['state=gone', '/state'],
    ['cursor=x', '/cursor'],
    ['cursor=&page=2', '/page'],
    ['cursor=&cursor=', '/cursor'],
  ];
  for (const [query, path] of rows) {
    assertProblem(t, await owner.get(`${spaces}?${query}`), INVALID, query, [path]);
  }
});
