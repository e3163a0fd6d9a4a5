import t, { test } from 'tap';
import { assertProblem, canonical, NO_NAMESPACE, startSpaces } from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

test('the list returns the documented example', async (t) => {
  const { spaces, create } = await makeNamespace();
  const { id } = await create({
    name: 'Robotics Lab',
    description: 'Main robotics project',
    tags: ['robotics'],
  });

  const answer = await owner.get(spaces);
  t.equal(answer.status, 200);
  t.match(answer.headers['content-type'], /^application\/json\b/);
  t.equal(
    canonical(answer),
    JSON.stringify({
      spaces: [
        {
          id,
          name: 'Robotics Lab',
          slug: 'robotics-lab',
          description: 'Main robotics project',
          tags: ['robotics'],
        },
      ],
      page: 1,
      pageSize: 50,
      total: 1,
      totalPages: 1,
    }),
    'every key, in this order, and no other',
  );
});

test('an absent description is listed as null, and absent tags as []', async (t) => {
  const { create, list } = await makeNamespace();
  const { id } = await create({ name: 'Bare' });
  const { spaces } = await list();
  const bare = { id, name: 'Bare', slug: 'bare', description: null, tags: [] };
  t.equal(JSON.stringify(spaces), JSON.stringify([bare]));
});

test('the list of an empty namespace has a total of 0 and no pages', async (t) => {
  const { spaces } = await makeNamespace();
  t.equal(
    (await owner.get(spaces)).text,
    '{"spaces":[],"page":1,"pageSize":50,"total":0,"totalPages":0}',
  );
});

test('the list key is "spaces" under both nouns, with the same bytes', async (t) => {
  const { spaces, projects, create } = await makeNamespace();
  await create({ name: 'One' });
  await owner.post(projects, { name: 'Two' });
  for (const query of ['', '?page=2&pageSize=1', '?page=9']) {
    const [one, two] = await Promise.all([spaces, projects].map((path) => owner.get(path + query)));
    t.equal(two?.status, 200, `${query}: no redirect`);
    t.equal(two?.text, one?.text, query);
  }
});

test('spaces are listed in the order of creation, page by page', async (t) => {
  const { spaces, create, list } = await makeNamespace();
  // The order of names and slugs is another one.
  for (const name of ['m', 'z', 'a', 'y', 'b']) await create({ name });
  const rows: [page: number, slugs: string[]][] = [
    [1, ['m', 'z']],
    [2, ['a', 'y']],
    [3, ['b']],
    [4, []],
    [1_000_000, []],
  ];
  for (const [page, slugs] of rows) {
    const { spaces, ...rest } = await list(`?page=${page}&pageSize=2`);
    t.same(
      spaces.map(({ slug }) => slug),
      slugs,
      `page ${page}: slugs`,
    );
    t.same(rest, { page, pageSize: 2, total: 5, totalPages: 3 }, `page ${page}`);
  }

  await owner.patch(`${spaces}/m`, { name: 'renamed', slug: 'x' });
  await owner.delete(`${spaces}/z`);
  await owner.post(`${spaces}/z/restore`);
  t.same(
    (await list()).spaces.map(({ slug }) => slug),
    ['x', 'z', 'a', 'y', 'b'],
    'a change, a deletion and a restore keep the order',
  );
});

test('a page has 50 spaces by default and 200 at most', async (t) => {
  const { spaces, list } = await makeNamespace();
  const names = Array.from({ length: 201 }, (_, index) => ({ name: `s${index}` }));
  for (const part of [names.slice(0, 100), names.slice(100, 200), names.slice(200)]) {
    t.equal((await owner.post(`${spaces}/batch`, { spaces: part })).status, 201);
  }
  const rows: [query: string, items: number, pageSize: number, totalPages: number][] = [
    ['', 50, 50, 5],
    ['?page=5', 1, 50, 5],
    ['?pageSize=1', 1, 1, 201],
    ['?pageSize=200', 200, 200, 2],
    ['?pageSize=201', 200, 200, 2],
    ['?pageSize=1000000', 200, 200, 2],
    ['?pageSize=201&page=2', 1, 200, 2],
  ];
  for (const [query, items, pageSize, totalPages] of rows) {
    const { spaces, ...rest } = await list(query);
    t.equal(spaces.length, items, `items of ${query}`);
    t.match(rest, { pageSize, total: 201, totalPages }, query);
  }

  const { spaces: first } = await list('?pageSize=200');
  const { spaces: second } = await list('?pageSize=200&page=2');
  const ids = [...first, ...second].map(({ id }) => id);
  t.equal(new Set(ids).size, 201, 'every space is on one page');
  t.same(ids, ids.toSorted(), 'in the order of ids');
});

test('a deleted space is neither in the list nor in its total', async (t) => {
  const { spaces, create, list } = await makeNamespace();
  for (const name of ['a', 'b', 'c']) await create({ name });
  await owner.delete(`${spaces}/b`);
  const { spaces: left, total, totalPages } = await list('?pageSize=2');
  t.same(
    left.map(({ slug }) => slug),
    ['a', 'c'],
  );
  t.same({ total, totalPages }, { total: 2, totalPages: 1 });

  for (const slug of ['a', 'c']) await owner.delete(`${spaces}/${slug}`);
  t.same(await list(), { spaces: [], page: 1, pageSize: 50, total: 0, totalPages: 0 });
});

test('a list contains the spaces of its own namespace only', async (t) => {
  const [one, two] = await Promise.all([makeNamespace(), makeNamespace()]);
  const { id } = await one.create({ name: 'Same' });
  const other = await two.create({ name: 'Same' });
  t.not(id, other.id);
  t.same(
    (await one.list()).spaces.map((space) => space.id),
    [id],
  );
  t.equal((await one.list()).total, 1);
});

test('the fields of an item equal those of getSpace', async (t) => {
  const { create, details, list } = await makeNamespace();
  await create({ name: 'Plain' });
  await create({ name: 'Full', description: '', tags: ['b', 'a'], metadata: { secret: true } });
  for (const item of (await list()).spaces) {
    const { id, name, slug, description, tags } = await details(item.slug);
    t.equal(JSON.stringify(item), JSON.stringify({ id, name, slug, description, tags }), slug);
  }
});

test('the list of a deleted, foreign or unknown namespace is 404', async (t) => {
  const deleted = await makeNamespace();
  await deleted.create({ name: 'Inside' });
  await owner.delete(deleted.path);
  const foreign = await makeNamespace();
  const stranger = await service.as('stranger');

  for (const noun of ['spaces', 'projects']) {
    const rows = [
      { title: 'deleted', caller: owner, slug: deleted.slug },
      { title: 'foreign', caller: stranger, slug: foreign.slug },
      { title: 'unknown', caller: owner, slug: 'nowhere' },
    ];
    for (const { title, caller, slug } of rows) {
      const answer = await caller.get(`/namespaces/${slug}/${noun}`);
      assertProblem(t, answer, NO_NAMESPACE, `${title}, ${noun}`);
    }
  }
});
