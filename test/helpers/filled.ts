/** Creates the resources of tests of erasures, and counts rows. */
import { sql } from 'drizzle-orm';
import type { Client, Service } from './app.js';

/** Makes a space with a folder, an episode with an asset, and an asset of its own. */
export async function fill(owner: Client, slug: string, namespace = 'acme'): Promise<void> {
  const path = `/namespaces/${namespace}/spaces`;
  await owner.post(path, { name: slug, slug });
  await owner.post(`${path}/${slug}/episodes`, { name: 'run', folder: '/runs' });
  const asset = { kind: 'file', uri: 's3://bucket/key' };
  await owner.post(`${path}/${slug}/assets`, { ...asset, path: '/in', episode: 'run' });
  await owner.post(`${path}/${slug}/assets`, { ...asset, path: '/runs/alone' });
}

/** Adds assets to a space by SQL, because a request creates at most 100. */
export async function addAssets({ db }: Service, space: string, count: number): Promise<void> {
  await db.execute(sql`
    insert into assets (namespace_id, space_id, id, local_path, kind, uri, tags)
    select namespace_id, id, gen_random_uuid(), '/' || i, 'file', 's3://bucket/key', '[]'
    from spaces, generate_series(1, ${count}::int) i where slug = ${space}`);
}

/** @returns the number of rows by table, without empty tables; for counters the number of namespaces with some */
export async function countRows({ db }: Service): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const tables = await db.execute<{ name: string }>(
    sql`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  for (const { name } of tables) {
    const [row] = await db.execute<{ rows: number }>(
      sql`select count(${name === 'space_counters' ? sql`distinct namespace_id` : sql`*`})::int as rows
        from ${sql.identifier(name)}`,
    );
    if (row && row.rows > 0) counts[name] = row.rows;
  }
  return counts;
}
