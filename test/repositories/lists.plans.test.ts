import { test } from 'tap';
import type { Client } from '../helpers/app.js';
import { CursorPage } from '../helpers/lists.js';
import { explained } from '../helpers/plans.js';
import { read } from '../helpers/spaces.js';

/** The index by which each list finds its spaces, in a large namespace and in a small one. */
const indexes: Record<string, string> = {
  '': 'spaces_active_index',
  'cursor=': 'spaces_active_index',
  'sort=-createdAt': 'spaces_active_index',
  'sort=updatedAt': 'spaces_updated_index',
  'sort=-name': 'spaces_name_index',
  'cursor=&sort=slug': 'spaces_slug_index',
  'state=all': 'spaces_deleted_index',
  'state=all&sort=slug': 'spaces_slug_index',
  'cursor=&state=all&sort=slug': 'spaces_deleted_slug_index',
  'state=all&sort=-name': 'spaces_name_index',
  // A list of deleted spaces sorts all of them, by any index.
  'state=deleted': 'spaces_(deleted|restore)\\w*_index',
  'state=deleted&sort=name': 'spaces_(deleted|restore)\\w*_index',
  'q=rover': 'spaces_search_index',
  'tag=tag-7&tag=lab': 'spaces_search_index',
  'metadata=%7B%22team%22%3A%22team-7%22%7D': 'spaces_search_index',
  'q=rover&tag=tag-7&sort=-updatedAt&state=all': 'spaces_search_index',
  'q=rover&createdAfter=2020-01-01T00:00:00Z': 'spaces_search_index',
  'tag=tag-7&updatedAfter=2020-01-01T00:00:00Z&sort=name': 'spaces_search_index',
  'slug=space-7&slug=space-8': 'spaces_slug_index',
  'slug=space-7&state=all': 'spaces_slug_index',
  'slug=space-7&q=rover': 'spaces_slug_index',
  'createdAfter=2020-01-01T00:00:00Z': 'spaces_active_index',
  'createdAfter=2020-01-01T00:00:00Z&createdBefore=2021-01-01T00:00:00Z&sort=name':
    'spaces_active_index',
  'updatedAfter=2020-01-01T00:00:00Z': 'spaces_updated_index',
};

/** Fills a large namespace and a small one, and many more with two spaces each. */
const fill = `
  insert into namespaces (id, slug)
  select gen_random_uuid(), 'n' || i from generate_series(1, 1000) i;
  insert into spaces (namespace_id, id, name, slug, description, tags, metadata, deleted_at)
  select n.id, gen_random_uuid(), (array['Arm', 'Rover'])[i % 2 + 1] || ' ' || i, 'space-' || i,
    'A description', jsonb_build_array('lab', 'tag-' || i % 100),
    jsonb_build_object('team', 'team-' || i % 50), case when i % 50 = 0 then now() end
  from namespaces n, generate_series(1, case n.slug when 'large' then 20000 else 20 end) i
  where n.slug in ('small', 'large');
  insert into spaces (namespace_id, id, name, slug, tags)
  select n.id, gen_random_uuid(), 'Arm', 'arm-' || i, '["lab"]'
  from namespaces n, generate_series(1, 2) i`;

const statistics: Record<string, string[]> = {
  'no statistics': [fill],
  'statistics of an empty table': ['analyze', fill],
  'fresh statistics': [fill, 'vacuum analyze'],
};

/** @returns the nodes of plans that read spaces, one line each */
function scansOf(plans: string[]): string[] {
  return plans.flatMap((plan) => plan.match(/\w[\w ]* Scan [^\n]*\b(?:on|using) spaces\w*/g) ?? []);
}

async function scansOfRequest(owner: Client, plans: string[], path: string) {
  plans.length = 0;
  const answer = await owner.get(path);
  return { answer, scans: scansOf(plans) };
}

for (const [title, steps] of Object.entries(statistics)) {
  test(`every list of spaces uses an index with ${title}`, async (t) => {
    const { client, plans, owner } = await explained(t);
    for (const slug of ['small', 'large']) await owner.post('/namespaces', { slug });
    await client`alter table spaces set (autovacuum_enabled = false)`;
    for (const step of steps) await client.unsafe(step);

    for (const [query, index] of Object.entries(indexes)) {
      for (const namespace of ['small', 'large']) {
        const path = `/namespaces/${namespace}/spaces?${query}`;
        const { answer, scans } = await scansOfRequest(owner, plans, path);
        t.equal(answer.status, 200, path);
        t.not(scans.length, 0, `${path}: the plan is logged`);
        if (title === 'fresh statistics') t.match(scans.join('\n'), new RegExp(index), path);
        t.notMatch(scans.join('\n'), /Seq Scan/, path);
        t.notMatch(plans.join('\n'), /BitmapAnd/, `${path}: no second index`);
      }
    }
  });
}

test('the next page of a traversal sorts few matches, and scans many in order', async (t) => {
  const { client, plans, owner } = await explained(t);
  await owner.post('/namespaces', { slug: 'large' });
  await client.unsafe(fill);
  await client`vacuum analyze`;
  const rows = [
    ['tag=tag-7&sort=name', 'spaces_search_index'],
    ['tag=lab&sort=name', 'spaces_name_index'],
    ['q=rover&sort=-updatedAt', 'spaces_updated_index'],
    ['createdAfter=2020-01-01T00:00:00Z&sort=slug', 'spaces_slug_index'],
  ];
  for (const [query = '', index = ''] of rows) {
    const path = `/namespaces/large/spaces?${query}&cursor=`;
    const { nextCursor } = read(await owner.get(path), CursorPage);
    t.type(nextCursor, 'string');
    const { scans } = await scansOfRequest(owner, plans, path + String(nextCursor));
    t.match(scans.join('\n'), new RegExp(`\\b${index}`), path);
    t.notMatch(scans.join('\n'), /Seq Scan/, path);
  }
});
