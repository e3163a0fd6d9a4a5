import { sql } from 'drizzle-orm';
import { test } from 'tap';
import { repositoryContext } from '../../src/repositories/context.js';
import { spacesRepository } from '../../src/repositories/spaces/index.js';
import { selectSpaces } from '../../src/repositories/spaces/list.js';
import { startService } from '../helpers/app.js';

/** Large enough for pages that are deep from both ends. */
const SIZE = 4_321;

const noFilters = {
  text: null,
  tags: [],
  slugs: [],
  metadata: null,
  createdAfter: null,
  createdBefore: null,
  updatedAfter: null,
};

test('a page at every offset has its part of the whole list, in both orders', async (t) => {
  const { as, db } = await startService(t);
  const alice = await as('alice');
  await alice.post('/namespaces', { slug: 'large' });
  await db.execute(sql`
    insert into spaces (namespace_id, id, name, slug, tags, deleted_at)
    select id, gen_random_uuid(), 'Space ' || i, 'space-' || i, '[]',
      case when i % 7 = 0 then now() end
    from namespaces, generate_series(1, ${SIZE}::int) i`);
  await db.execute(sql`
    insert into space_counters (namespace_id, slot, active)
    select namespace_id, 0, count(*) from spaces where deleted_at is null group by 1`);
  const ids = (
    await db.execute<{ id: string }>(sql`
      select id from spaces where deleted_at is null order by id`)
  ).map(({ id }) => id);

  const spaces = spacesRepository(repositoryContext(db));
  const principal = { subject: 'alice', admin: false };
  const limit = 50;
  for (const descending of [false, true]) {
    const selection = selectSpaces(noFilters, { state: 'active', sort: 'createdAt', descending });
    const ordered = descending ? ids.toReversed() : ids;
    for (let offset = 0; offset < ids.length + 2 * limit; offset += 37) {
      const page = await spaces.page(principal, 'large', selection, { offset, limit }, (items) =>
        Buffer.from(`[${items}]`),
      );
      const parsed: unknown = JSON.parse(String(page?.value?.body));
      const found = Array.isArray(parsed) ? parsed.map((item: { id: string }) => item.id) : null;
      t.same(found, ordered.slice(offset, offset + limit), `offset ${offset}`);
      t.equal(page?.value?.total, ids.length);
    }
  }
});
