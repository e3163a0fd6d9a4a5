/** Traversals of namespaces and members by cursor, while they change. */
import { Type } from '@sinclair/typebox';
import { test } from 'tap';
import { type Client, startService } from '../../helpers/app.js';
import { isProblem } from '../../helpers/problem.js';
import { read } from '../../helpers/spaces.js';

const Page = Type.Object({
  namespaces: Type.Optional(Type.Array(Type.Object({ slug: Type.String() }))),
  members: Type.Optional(Type.Array(Type.Object({ subject: Type.String() }))),
  page: Type.Integer(),
  total: Type.Integer(),
  totalPages: Type.Integer(),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
});

const getPage = async (client: Client, path: string, cursor: string) =>
  read(await client.get(`${path}?pageSize=3&cursor=${cursor}`), Page);

/** @returns the items of all pages */
async function readAll(client: Client, path: string, between: (round: number) => Promise<unknown>) {
  const names: string[] = [];
  const totals: number[] = [];
  let cursor: string | null = 'start';
  for (let round = 1; cursor !== null; round += 1) {
    const {
      namespaces = [],
      members = [],
      page,
      total,
      nextCursor,
    } = await getPage(client, path, cursor);
    names.push(...namespaces.map(({ slug }) => slug), ...members.map(({ subject }) => subject));
    totals.push(total);
    if (page !== round) throw new Error(`Page ${round} is numbered ${page}`);
    cursor = nextCursor;
    await between(round);
  }
  return { names, totals };
}

test('a cursor traversal returns each unchanged item once, and the total at its start', async (t) => {
  const service = await startService(t);
  const owner = await service.as('olga');
  const slugs = Array.from({ length: 10 }, (_, index) => `n${index}`);
  for (const slug of slugs) await owner.post('/namespaces', { slug });
  const namespaces = await readAll(owner, '/namespaces', async (round) => {
    if (round !== 1) return;
    // An item before the cursor and one after it are deleted, and another is created.
    await owner.delete('/namespaces/n1');
    await owner.delete('/namespaces/n5');
    await owner.post('/namespaces', { slug: 'late' });
  });
  t.same(namespaces.names, [...slugs.filter((slug) => slug !== 'n5'), 'late']);
  t.same(new Set(namespaces.totals), new Set([10]));

  const subjects = Array.from({ length: 10 }, (_, index) => `m${index}`);
  for (const subject of subjects)
    await owner.put(`/namespaces/n0/members/${subject}`, { role: 'viewer' });
  const members = await readAll(owner, '/namespaces/n0/members', async (round) => {
    if (round !== 1) return;
    await owner.delete('/namespaces/n0/members/m0');
    await owner.delete('/namespaces/n0/members/m6');
    await owner.put('/namespaces/n0/members/m3', { role: 'editor' });
    await owner.put('/namespaces/n0/members/late', { role: 'viewer' });
  });
  t.same(members.names, ['olga', ...subjects.filter((subject) => subject !== 'm6'), 'late']);
  t.same(new Set(members.totals), new Set([11]));
});

test('items created in the same millisecond are all returned', async (t) => {
  const service = await startService(t);
  const owner = await service.as('olga');
  await owner.post('/namespaces', { slug: 'team' });
  await service.db.$client`
    insert into members (namespace_id, subject, role, created_at, updated_at)
    select id, 'm' || n, 'viewer', '2026-01-01', '2026-01-01'
    from namespaces, generate_series(10, 40) as n where slug = 'team'`;
  const { names } = await readAll(owner, '/namespaces/team/members', () => Promise.resolve());
  t.same(names, [...Array.from({ length: 31 }, (_, index) => `m${index + 10}`), 'olga']);
});

test('a cursor is valid for its own list only, and not together with a page', async (t) => {
  const service = await startService(t);
  const owner = await service.as('olga');
  for (const slug of ['a', 'b', 'c', 'd']) await owner.post('/namespaces', { slug });
  for (const subject of ['x', 'y', 'z']) {
    await owner.put(`/namespaces/a/members/${subject}`, { role: 'owner' });
    await owner.put(`/namespaces/b/members/${subject}`, { role: 'owner' });
  }
  const { nextCursor: ofNamespaces } = await getPage(owner, '/namespaces', 'start');
  const { nextCursor: ofMembers } = await getPage(owner, '/namespaces/a/members', '');
  for (const path of [
    `/namespaces?cursor=${ofMembers}`,
    `/namespaces/a/members?cursor=${ofNamespaces}`,
    `/namespaces/b/members?cursor=${ofMembers}`,
    `/namespaces/a/spaces?cursor=${ofMembers}`,
    '/namespaces?cursor=x',
    '/namespaces?cursor=start&page=2',
    '/namespaces/a/members?cursor=&page=2',
  ]) {
    isProblem(t, await owner.get(path), 'validation_failed');
  }
  const stranger = await service.as('eve');
  const own = `/namespaces/a/members?cursor=${ofMembers}`;
  t.equal((await owner.get(own)).status, 200, 'its own list');
  isProblem(t, await stranger.get(own), 'namespace_not_found');
});
