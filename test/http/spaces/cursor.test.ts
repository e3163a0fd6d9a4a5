import t, { test } from 'tap';
import { encodeCursor } from '../../../src/http/conventions/cursor.js';
import { startService } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { type Query, readAll, readPage, slugsOf } from '../../helpers/lists.js';
import { assertProblem, INVALID, startSpaces } from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

test('the cursor `start` begins a traversal, like the empty cursor', async (t) => {
  const { spaces, create } = await makeNamespace();
  for (const name of ['a', 'b', 'c']) await create({ name });
  const [named, empty] = [
    await owner.get(`${spaces}?pageSize=2&cursor=start`),
    await owner.get(`${spaces}?pageSize=2&cursor=`),
  ];
  t.equal(named.status, 200);
  t.same(named.json, empty.json);
  const begun = await readPage(owner, spaces, { pageSize: '2' }, 'start');
  const rest = await readPage(owner, spaces, { pageSize: '2' }, begun.nextCursor ?? '');
  t.same([...slugsOf(begun), ...slugsOf(rest)], ['a', 'b', 'c']);
});

test('a cursor is valid for its own list only, and only unmodified', async (t) => {
  const { spaces, projects, create } = await makeNamespace();
  const other = await makeNamespace();
  for (const name of ['a', 'b', 'c']) {
    await create({ name, tags: ['x'] });
    await other.create({ name, tags: ['x'] });
  }
  const begin = async (path: string, query: Query = {}) => {
    const { nextCursor } = await readPage(owner, path, { pageSize: '1', ...query }, '');
    if (nextCursor === null) throw new Error('The list has only one page');
    return nextCursor;
  };
  const plain = await begin(spaces);
  const sorted = await begin(spaces, { sort: '-name' });
  const tagged = await begin(spaces, { tag: 'x' });
  const rejected = [
    `${other.spaces}?cursor=${plain}`,
    `${spaces}?cursor=${sorted}`,
    `${spaces}?cursor=${sorted}&sort=name`,
    `${spaces}?cursor=${plain}&state=all`,
    `${spaces}?cursor=${tagged}&tag=y`,
    `${spaces}?cursor=${tagged}`,
    `${spaces}?cursor=${plain.slice(0, -2)}`,
    `${spaces}?cursor=${plain}AAAA`,
    `${spaces}?cursor=${plain.startsWith('A') ? 'B' : 'A'}${plain.slice(1)}`,
    `${spaces}?cursor=AAAA`,
  ];
  for (const path of rejected) assertProblem(t, await owner.get(path), INVALID, path, ['/cursor']);

  t.same(slugsOf(await readPage(owner, spaces, { sort: '-name' }, sorted)), ['b', 'a']);
  t.same(
    slugsOf(await readPage(owner, projects, { pageSize: '1' }, plain)),
    ['b'],
    'under the other noun',
  );

  const cursor = await begin(other.spaces);
  await owner.patch(other.path, { slug: `${other.slug}-new` });
  t.same(
    slugsOf(await readPage(owner, `/namespaces/${other.slug}-new/spaces`, {}, cursor)),
    ['b', 'c'],
    'a cursor stays valid when its namespace gets another slug',
  );
});

test('a forged cursor whose values PostgreSQL cannot read is rejected', async (t) => {
  const { spaces, path: namespace } = await makeNamespace();
  const own = String(pick((await owner.get(namespace)).json, 'id'));
  const id = '0199b2f4-6c1e-7d3a-9b5e-2f8c4a1d7e60';
  const position = { namespaceId: id, page: 2, total: 3, key: id, id };
  const forged: Record<string, object[]> = {
    createdAt: [{ key: '' }, { key: 'x' }, { id: "' or true" }, { total: -1 }, { total: 2 ** 40 }],
    updatedAt: [
      { key: '' },
      { key: 'now' },
      { key: 'infinity' },
      { key: '0000-01-01T00:00:00.000Z' },
      { key: '2026-02-30T00:00:00.000Z' },
      { key: '+012026-01-01T00:00:00.000Z' },
      { key: '2026-01-01T00:00:00.000Z', page: 1 },
    ],
    name: [{ key: '\u0000' }, { key: '\ud800' }, { key: 'a', id: 'a' }, { key: 'a', page: 0.5 }],
  };
  for (const [sort, changes] of Object.entries(forged)) {
    const list = JSON.stringify([sort, false, 'active', {}]);
    for (const change of changes) {
      const cursor = encodeCursor({ list }, { ...position, ...change });
      const path = `${spaces}?sort=${sort}&cursor=${cursor}`;
      assertProblem(t, await owner.get(path), INVALID, JSON.stringify([sort, change]), ['/cursor']);
    }
    const key = sort === 'updatedAt' ? '2026-01-01T00:00:00.000Z' : id;
    const readable = encodeCursor({ list }, { ...position, key, namespaceId: own });
    t.equal((await owner.get(`${spaces}?sort=${sort}&cursor=${readable}`)).status, 200, sort);
    const cursor = encodeCursor({ list }, { ...position, key });
    assertProblem(t, await owner.get(`${spaces}?sort=${sort}&cursor=${cursor}`), INVALID, sort, [
      '/cursor',
    ]);
  }
});

test('a cursor of one process is valid in another', async (t) => {
  const { spaces, create } = await makeNamespace();
  for (const name of ['a', 'b']) await create({ name });
  const { nextCursor } = await readPage(owner, spaces, { pageSize: '1' }, '');
  const replica = await startService(t, { databaseUrl: service.databaseUrl });
  const there = await replica.as('owner');
  t.same(slugsOf(await readPage(there, spaces, { pageSize: '1' }, nextCursor ?? '')), ['b']);
});

test('a traversal neither skips nor repeats unchanged spaces while others change', async (t) => {
  for (const sort of ['createdAt', '-createdAt', 'name', '-name', 'slug', '-slug', 'updatedAt']) {
    const { spaces, create } = await makeNamespace();
    const staying = Array.from({ length: 12 }, (_, index) => `s${(index * 7) % 12}-stays`);
    for (const slug of staying) {
      await create({ name: slug.toUpperCase(), slug, tags: ['stays'] });
      await create({ name: `going ${slug}`, slug: `${slug}-goes` });
    }
    let round = 0;
    const pages = await readAll(owner, spaces, { sort, pageSize: '2' }, async () => {
      await owner.delete(`${spaces}/${staying[round % staying.length] ?? ''}-goes`);
      await create({ name: `S${round} comes`, slug: `s${round}-comes` });
      round += 1;
    });
    const seen = pages.flatMap(slugsOf).filter((slug) => slug.endsWith('stays'));
    t.same([...seen].sort(), [...staying].sort(), `${sort}: each space once`);
    t.same(
      pages.map(({ page, total }) => [page, total]),
      pages.map((_, index) => [index + 1, 24]),
      'the total is that of the first page',
    );
    const tagged = await readAll(owner, spaces, { sort, tag: 'stays', pageSize: '5' });
    t.same(tagged.flatMap(slugsOf), seen, `${sort}: filtered, in the same order`);
  }
});
