import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { formerSpaceSlugs } from '../../db/schema/former-slugs.js';
import { spaces } from '../../db/schema/spaces.js';
import { isSlug } from '../../slug.js';
import { accessCte, activeNamespaceByIdAndSlug, fromOwnNamespace } from '../access/guard.js';
import type { Principal } from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { executeOne, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';

const isFormerSpaceSlug = and(
  eq(formerSpaceSlugs.namespaceId, param('namespaceId')),
  eq(formerSpaceSlugs.slug, param('spaceSlug')),
);

/** Stores the former slug of the row of the common table expression `space` after a rename. */
export function keepSpaceSlug(db: Database) {
  return db.$with('kept_slug', {}).as(sql`
    insert into ${formerSpaceSlugs} as kept (namespace_id, slug, held_by)
    select own.id, ${param('spaceSlug')}::text, space.id
    ${fromOwnNamespace(sql`, space`, sql`space.slug <> ${param('spaceSlug')}`)}
    on conflict (namespace_id, slug) do update set held_by = excluded.held_by`);
}

/** Removes the former holder of the slug of the row of `space`, which has just been deleted. */
export function dropSpaceSlug(db: Database) {
  return db.$with('dropped_slug', {}).as(sql`
    delete from ${formerSpaceSlugs} where ${and(isFormerSpaceSlug, sql`exists (select from space)`)}`);
}

/** Prepares the statement that finds a space by a former slug. */
export function formerSlugs({ db, resolveNamespace }: RepositoryContext) {
  const access = accessCte(db, activeNamespaceByIdAndSlug);
  const formerHolder = db
    .select({ id: formerSpaceSlugs.spaceId })
    .from(formerSpaceSlugs)
    .where(isFormerSpaceSlug);
  const current = db.$with('current').as(
    db
      .select({ slug: spaces.slug })
      .from(spaces)
      .where(
        and(
          eq(spaces.namespaceId, param('namespaceId')),
          eq(spaces.id, sql`(${formerHolder})`),
          isNull(spaces.deletedAt),
        ),
      ),
  );
  const statement = shared(
    db
      .with(access, current)
      .select({ access: { role: access.role }, slug: current.slug })
      .from(access)
      .leftJoin(current, sql`true`)
      .prepare('space_present_slug'),
  );

  return {
    /**
     * Finds the current slug of a renamed space. Call it if no space has the slug.
     *
     * @returns the current slug of the last holder; null if it was deleted or never existed
     */
    async currentSlug(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
    ): Promise<string | null> {
      if (!isSlug(spaceSlug)) return null;
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        executeOne(statement, { ...scope, spaceSlug }, { retryOnDisconnect: true }),
      );
      return result?.row.slug ?? null;
    },
  };
}
