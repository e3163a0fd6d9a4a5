import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { namespaceSlugs } from '../../db/schema/namespace-slugs.js';
import { param } from '../access/statement.js';

/**
 * The common table expressions that assign a slug to a namespace. Any namespace can take a free slug; a
 * released one is reserved for the owners of its last holder for some days. Otherwise the insert violates the
 * primary key, which alone decides whether a slug is free.
 *
 * @param slug the slug to assign
 * @param claimant a query of the id of the namespace; without a row nothing is assigned
 * @param holdDays days for which a released slug is reserved
 */
export function claimSlug(db: Database, slug: SQL, claimant: SQL, holdDays: number) {
  // By a function, because the last holder is another namespace, possibly on another worker of Citus.
  const owned = db.$with('owned_slug', {}).as(sql`
    select role_in(held_by, ${param('subject')}) = 'owner' as is_owned from ${namespaceSlugs}
    where ${namespaceSlugs.slug} = ${slug} and freed_at is not null and exists (select from slug_claim)`);
  const isOwner = sql`(select is_owned from owned_slug)`;
  const claim = db.$with('slug_claim', {}).as(claimant);
  const released = db.$with('released', {}).as(sql`
    delete from ${namespaceSlugs} where ${namespaceSlugs.slug} = ${slug}
      and exists (select from slug_claim)
      and (${namespaceSlugs.freedAt} <= now() - make_interval(days => ${holdDays}::int)
        or ${namespaceSlugs.freedAt} is not null and (${param('adminRole')}::member_role is not null or ${isOwner}))
    returning slug`);
  const claimed = db.$with('claimed', {}).as(sql`
    insert into ${namespaceSlugs} (slug, held_by)
    select ${slug}, slug_claim.id from (select count(*) from released) as done, slug_claim`);
  return [claim, owned, released, claimed] as const;
}

/**
 * Releases the former slug of the row of the common table expression `namespace`, after a rename or a deletion.
 *
 * @param isGivenUp the condition that it is released
 */
export function freeSlug(db: Database, isGivenUp: SQL) {
  return db.$with('freed', {}).as(sql`
    insert into ${namespaceSlugs} (slug, held_by, freed_at)
    select ${param('namespaceSlug')}, id, now() from namespace where ${isGivenUp}
    on conflict (slug) do update set held_by = excluded.held_by, freed_at = excluded.freed_at`);
}
