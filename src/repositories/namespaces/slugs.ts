import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { namespaceSlugs } from '../../db/schema/namespace-slugs.js';
import { param } from '../access/statement.js';

/**
 * The common table expressions by which a namespace takes a slug. A free one can be taken by any namespace; a
 * released one is reserved for a while for the owners of its last holder. Otherwise the primary key of the
 * slugs is violated, which alone decides whether a slug is free.
 *
 * @param slug to take
 * @param claimant a query of the id of the namespace that takes it; without a row none is taken
 * @param holdDays for how long a released slug is reserved
 */
export function claimSlug(db: Database, slug: SQL, claimant: SQL, holdDays: number) {
  // The last holder is another namespace than the claimant, possibly on another worker.
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
 * Releases the slug of the common table expression `namespace`, after a rename or a deletion.
 *
 * @param isGivenUp the condition that it is released
 */
export function freeSlug(db: Database, isGivenUp: SQL) {
  return db.$with('freed', {}).as(sql`
    insert into ${namespaceSlugs} (slug, held_by, freed_at)
    select ${param('namespaceSlug')}, id, now() from namespace where ${isGivenUp}
    on conflict (slug) do update set held_by = excluded.held_by, freed_at = excluded.freed_at`);
}
