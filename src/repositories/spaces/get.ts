import { and, sql } from 'drizzle-orm';
import { spaces } from '../../db/schema/spaces.js';
import { accessCte, activeNamespaceByIdAndSlug } from '../access/guard.js';
import type { AccessResult, Principal } from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { executeOne } from '../access/statement.js';
import { contentsOf } from '../contents/counters.js';
import type { RepositoryContext } from '../context.js';
import { type NamespacedSpace, spaceColumns } from './columns.js';
import { hasSlug, inNamespace, isActive, possibleSlug } from './conditions.js';

/** Prepares the statement that finds an active space by its slug. */
export function getSpace({ db, resolveNamespace }: RepositoryContext) {
  const access = accessCte(db, activeNamespaceByIdAndSlug);
  const found = db.$with('space').as(
    db
      .select(spaceColumns)
      .from(spaces)
      .where(and(inNamespace, hasSlug, isActive)),
  );
  const statement = shared(
    db
      .with(access, found)
      .select({
        access: { role: access.role },
        space: found._.selectedFields,
        contents: contentsOf(),
      })
      .from(access)
      .leftJoin(found, sql`true`)
      .prepare('space_find'),
  );

  return async (
    principal: Principal,
    namespaceSlug: string,
    spaceSlug: string,
  ): Promise<AccessResult<NamespacedSpace>> => {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      executeOne(
        statement,
        { ...scope, spaceSlug: possibleSlug(spaceSlug) },
        { retryOnDisconnect: true },
      ),
    );
    if (!result) return null;
    const { role, namespaceId, row } = result;
    return { role, value: row.space && { ...row.space, contents: row.contents, namespaceId } };
  };
}

export type GetSpace = ReturnType<typeof getSpace>;
