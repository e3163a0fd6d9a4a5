/** The index of each list of a space's contents, in a large space and a small one. */
import { test } from 'tap';
import { explained } from '../helpers/plans.js';

const indexes: Record<string, string> = {
  'episodes?': 'episodes_active_index',
  'episodes?cursor=': 'episodes_active_index',
  'episodes?sort=-updatedAt': 'episodes_updated_index',
  'episodes?sort=name': 'episodes_name_index',
  'episodes?status=failed': 'episodes_status_index',
  'episodes?status=failed&status=running&sort=name': 'episodes_status_index',
  'episodes?folder=/day-7': 'episodes_folder_index',
  'episodes?folder=/day-7&status=failed&tag=tag-7': 'episodes_folder_index',
  'episodes?q=rover': 'episodes_search_index',
  'episodes?tag=tag-7&status=failed': 'episodes_search_index',
  'episodes?state=deleted': 'episodes_deleted_index',
  'assets?': 'assets_active_index',
  'assets?sort=-name': 'assets_name_index',
  'assets?sort=updatedAt': 'assets_updated_index',
  'assets?kind=video': 'assets_kind_index',
  'assets?kind=video&kind=audio&sort=-name': 'assets_kind_index',
  'assets?episode=run-7': 'assets_episode_index',
  'assets?episode=run-7&prefix=/a&kind=video': 'assets_episode_index',
  'assets?prefix=/a/b': 'assets_folder_index[^]*assets_local_path_index',
  'assets?q=rover': 'assets_search_index',
  [`assets?checksum=sha256:${'0'.repeat(64)}`]: 'assets_checksum_index',
  'folders?': 'folders_parent_index',
  'folders?recursive=true': 'folders_path_index',
  'folders?parent=/day-7&recursive=true&cursor=': 'folders_path_index',
};

const fill = `
  insert into spaces (namespace_id, id, name, slug, tags)
  select id, gen_random_uuid(), 'Space', 'other-' || i, '[]' from namespaces, generate_series(1, 200) i;
  insert into folders (namespace_id, space_id, path)
  select namespace_id, id, '/day-' || i from spaces,
    generate_series(1, case slug when 'large' then 400 else 3 end) i;
  insert into folders (namespace_id, space_id, path)
  select namespace_id, space_id, path || '/' || i from folders, generate_series(1, 5) i where path <> '/day-7';
  insert into folders (namespace_id, space_id, path)
  select namespace_id, space_id, path || '/' || i from folders, generate_series(1, 5) i where path = '/day-7';
  insert into episodes (namespace_id, space_id, id, name, tags, status, write_protected, folder_id, metadata)
  select f.namespace_id, f.space_id, gen_random_uuid(), 'run-' || substr(f.path, 6) || case i when 1 then '' else '-' || i end,
    jsonb_build_array('lab', 'tag-' || i), (array['failed', 'completed']::episode_status[])[i % 2 + 1], false, f.id, '{}'
  from folders f, generate_series(1, 10) i where f.path ~ '^/[^/]+$';
  insert into assets (namespace_id, space_id, id, episode_id, local_path, kind, uri, checksum, tags)
  select namespace_id, space_id, gen_random_uuid(), id, '/a/' || i, (array['video', 'file'])[i], 'urn:a:b',
    'sha256:' || md5(id::text || i) || md5(name || i), '[]'
  from episodes, generate_series(1, 2) i;
  insert into assets (namespace_id, space_id, id, folder_id, local_path, kind, uri, tags)
  select namespace_id, space_id, gen_random_uuid(), id, '/file', 'file', 'urn:a:b', '[]' from folders`;

const statistics: Record<string, string[]> = {
  'no statistics': [fill],
  'fresh statistics': [fill, 'vacuum analyze'],
};

for (const [title, steps] of Object.entries(statistics)) {
  test(`every list of a space's contents uses an index with ${title}`, async (t) => {
    const { client, plans, owner } = await explained(t);
    await owner.post('/namespaces', { slug: 'acme' });
    for (const slug of ['small', 'large']) {
      await owner.post('/namespaces/acme/spaces', { name: 'Space', slug });
    }
    for (const table of ['folders', 'episodes', 'assets']) {
      await client.unsafe(`alter table ${table} set (autovacuum_enabled = false)`);
    }
    for (const step of steps) await client.unsafe(step);

    for (const [list, index] of Object.entries(indexes)) {
      for (const space of ['small', 'large']) {
        const path = `/namespaces/acme/projects/${space}/${list}`;
        await owner.get(path);
        plans.length = 0;
        const answer = await owner.get(`${path}&pageSize=49`);
        t.equal(answer.status, 200, path);
        const [table = ''] = list.split('?');
        const scans = plans.flatMap(
          (plan) => plan.match(/\w[\w ]* Scan [^\n]*\b(?:on|using) \w+/g) ?? [],
        );
        if (title === 'fresh statistics' || list.startsWith('folders'))
          t.match(scans.join('\n'), new RegExp(index), path);
        t.not(scans.length, 0, `${path}: the plan is logged`);
        const unindexed = new RegExp(`Seq Scan on ${table}`);
        t.notMatch(scans.join('\n'), unindexed, path);
        t.notMatch(plans.join('\n'), /BitmapAnd/, `${path}: no second index`);
      }
    }
  });
}
