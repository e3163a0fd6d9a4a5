/** Fills a namespace with the resources that the requests of `operations` need. */
import { sql } from 'drizzle-orm';
import type { Service } from './app.js';

/** The members of a seeded namespace, by role. */
export const members = { owner: 'olga', editor: 'ed', viewer: 'vic' } as const;

/** The member that `removeMember` removes. */
export const MEMBER = 'mia';

/** Creates a namespace in which each of `operations` succeeds. */
export async function seedNamespace(service: Service, slug: string): Promise<void> {
  const owner = await service.as(members.owner);
  await owner.post('/namespaces', { slug });
  await owner.put(`/namespaces/${slug}/members/${members.editor}`, { role: 'editor' });
  await owner.put(`/namespaces/${slug}/members/${members.viewer}`, { role: 'viewer' });
  await owner.put(`/namespaces/${slug}/members/${MEMBER}`, { role: 'viewer' });
  await owner.post(`/namespaces/${slug}/spaces`, { name: 'Lab' });
  await owner.post(`/namespaces/${slug}/spaces`, { name: 'Gone' });
  const answer = await owner.delete(`/namespaces/${slug}/projects/gone`);
  if (answer.status !== 204) throw new Error(`The namespace was not seeded: ${answer.text}`);
  await seedSpace(service, slug);
  await service.db.execute(sql`
    insert into spaces (namespace_id, id, name, slug, tags, deleted_at)
    select id, gen_random_uuid(), 'Erased', 'erased', '[]', '-infinity' from namespaces
    where slug = ${slug} and deleted_at is null`);
}

/** Ids in the space `lab` of a seeded namespace. They may repeat, because ids are unique within a space only. */
export const FOLDER = '01900000-0000-7000-8000-00000000000f';
export const ASSET = '01900000-0000-7000-8000-00000000000a';
export const GONE_ASSET = '01900000-0000-7000-8000-00000000000b';

/** Fills the space `lab` in one statement. */
async function seedSpace({ db }: Service, namespace: string): Promise<void> {
  const [runs, run, gone] = ['c', 'd', 'e'].map(
    (digit) => `01900000-0000-7000-8000-00000000000${digit}`,
  );
  await db.execute(sql`
    with space as (
      select namespace_id, id as space_id from spaces
      where slug = 'lab' and deleted_at is null and namespace_id = (
        select id from namespaces where slug = ${namespace} and deleted_at is null)
    ), made_tree as (
      insert into folder_trees (namespace_id, space_id, revision) select space.*, 0 from space
    ), made_folders as (
      insert into folders (namespace_id, space_id, id, path)
      select space.*, id, path from space,
        (values (${FOLDER}::uuid, '/empty'), (${runs}::uuid, '/runs')) as made (id, path)
    ), made_episodes as (
      insert into episodes (namespace_id, space_id, id, name, tags, status, write_protected, folder_id, deleted_at)
      select space.*, id, name, '[]', 'running', false, folder_id, deleted_at from space,
        (values (${run}::uuid, 'run', ${runs}::uuid, null), (${gone}::uuid, 'gone', null, now()))
          as made (id, name, folder_id, deleted_at)
    ), made_assets as (
      insert into assets (namespace_id, space_id, id, local_path, kind, uri, tags, deleted_at)
      select space.*, id, path, 'file', 's3://bucket/key', '[]', deleted_at from space,
        (values (${ASSET}::uuid, '/file.txt', null), (${GONE_ASSET}::uuid, '/gone.txt', now()))
          as made (id, path, deleted_at)
    )
    insert into content_counters (namespace_id, space_id, kind, slot, active)
    select space.*, kind::content_kind, 0, active from space,
      (values ('folders', 2), ('episodes', 1), ('assets', 1)) as counted (kind, active)`);
}
