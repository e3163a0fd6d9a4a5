import { test } from 'tap';
import { startService } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

const SIZE = 10_400;

test('a page beyond 10,000 items is 400 in lists that skip row by row, and a cursor is not limited', async (t) => {
  const { as, db } = await startService(t);
  const alice = await as('alice');
  await alice.post('/namespaces', { slug: 'large' });
  await db.$client.unsafe(`
    insert into spaces (namespace_id, id, name, slug, tags)
    select id, space_id, 'Space ' || i, 'space-' || i, '[]'
    from (select id, i, gen_random_uuid() as space_id from namespaces, generate_series(1, ${SIZE}) i) as made;
    insert into space_counters (namespace_id, slot, active)
    select namespace_id, 0, count(*) from spaces group by 1;
    insert into members (namespace_id, subject, role)
    select id, 'm' || i, 'viewer' from namespaces, generate_series(2, ${SIZE}) i;
    update namespaces set members = ${SIZE};
    insert into namespaces (id, slug)
    select gen_random_uuid(), 'other-' || i from generate_series(2, ${SIZE}) i;
    insert into members (namespace_id, subject, role)
    select id, 'alice', 'viewer' from namespaces where slug <> 'large';
    update subject_counters set memberships = ${SIZE} where subject = 'alice'`);

  const spaces = '/namespaces/large/spaces';
  const bounded = [
    ...['name', '-name', 'slug', 'updatedAt', '-updatedAt'].map((sort) => `${spaces}?sort=${sort}`),
    '/namespaces/large/members?a=',
    '/namespaces?a=',
  ].map((path) => path.replace('?a=', '?'));
  for (const path of bounded) {
    const page = async (number: number, size = 200) =>
      alice.get(`${path}&page=${number}&pageSize=${size}`.replace('?&', '?'));
    const last = await page(51);
    t.equal(last.status, 200, `${path}: 10,000 items precede it`);
    t.match(last.json, { total: SIZE, totalPages: 52 }, path);
    t.notMatch(last.headers.link, /rel="last"/, `${path}: no link to the last page`);
    t.match((await page(1, 100)).headers.link, /rel="next"/, path);
    const rejected = await page(52);
    isProblem(t, rejected, 'validation_failed', path);
    t.match(pick(rejected.json, 'errors'), [{ path: '/page', code: 'too_deep' }], path);
    const past = await page(53);
    t.equal(past.status, 200, `${path}: past the end`);
    t.match(past.json, { total: SIZE, totalPages: 52 }, path);
    t.match(past.text, /\[\]/, path);
    t.notMatch(
      past.headers.link,
      /rel="last"/,
      `${path}: no link to the last page from past the end`,
    );
    const byCursor = await alice.get(`${path}&cursor=start&pageSize=200`.replace('?&', '?'));
    t.equal(byCursor.status, 200, `${path}: by cursor`);
  }
  for (const path of [`${spaces}?`, `${spaces}?sort=-createdAt&`, `${spaces}?tag=none&`]) {
    const answer = await alice.get(`${path}page=52&pageSize=200`);
    t.equal(answer.status, 200, `${path}: is not limited`);
  }
});
