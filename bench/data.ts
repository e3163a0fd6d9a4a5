import postgres from 'postgres';

/** The sizes of the namespaces, all in one database, so that the largest can slow down the smallest. */
export const sizes = { one: 1, fifty: 50, '1k': 1e3, '10k': 1e4, '100k': 1e5, '1m': 1e6 } as const;

export type NamespaceName = keyof typeof sizes;

/** The subject of the benchmark's token. */
export const SUBJECT = 'bench';

/** The number of namespaces that creates are spread over. */
export const SPREAD = 100;

/** The number of namespaces with 50 spaces, `page-0` and following, that reads are spread over. */
export const PAGES = 200;

/** The namespace that bare SQL inserts into, without counters. */
export const BARE = 'bare';

/** Gives the namespaces of a database their slugs, by which requests find them. */
export const holdSlugs = `
  insert into namespace_slugs (slug, held_by, freed_at)
  select distinct on (slug) slug, id, deleted_at from namespaces order by slug, id`;

/**
 * Fills a migrated database: a namespace of each size, `SPREAD` empty ones, `PAGES` of 50 spaces, and `BARE`.
 *
 * @param scale 1 for the full sizes, less for a quick run
 */
export async function fill(url: string, scale: number): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const members = Object.entries(sizes);
  for (const slug of [BARE, ...Object.keys(sizes)]) await insertNamespace(sql, slug);
  for (let index = 0; index < SPREAD; index += 1) await insertNamespace(sql, `spread-${index}`);
  const pages = Array.from({ length: PAGES }, (_, index) => `page-${index}`);
  for (const slug of pages) await insertNamespace(sql, slug);
  await sql.unsafe(holdSlugs);

  // The inverted index is created afterwards, which is much faster than an insert of each row.
  const [search] =
    await sql`select indexdef from pg_indexes where indexname = 'spaces_search_index'`;
  await sql`drop index spaces_search_index`;
  for (const [slug, size] of [...members, ...pages.map((page) => [page, sizes.fifty] as const)]) {
    const count = Math.max(Math.round(size * (size > 50 ? scale : 1)), 1);
    await sql`
      insert into spaces (namespace_id, id, name, slug, description, tags, metadata)
      select n.id, uuidv7(), (array['Arm', 'Drone', 'Gripper', 'Rover', 'Walker'])[i % 5 + 1] || ' ' || i,
        'space-' || i, 'A space with a description of ordinary length, number ' || i,
        jsonb_build_array('robotics', 'tag-' || i % 1000),
        jsonb_build_object('team', 'team-' || i % 500, 'site', jsonb_build_object('hall', i % 50))
      from namespaces n, generate_series(1, ${count}::int) i
      where n.slug = ${slug}`;
    await sql`
      insert into space_counters (namespace_id, slot, active)
      select id, 0, ${count}::int from namespaces where slug = ${slug}`;
  }
  await sql.unsafe(String(search?.['indexdef']));
  await sql`vacuum analyze`;
  await sql.end();
}

async function insertNamespace(sql: postgres.Sql, slug: string): Promise<void> {
  await sql`
    with namespace as (insert into namespaces (id, slug) values (uuidv7(), ${slug}) returning id)
    insert into members (namespace_id, subject, role)
    select id, ${SUBJECT}, 'owner' from namespace`;
}
