import { eq, sql } from 'drizzle-orm';
import { namespaces } from '../../db/schema/namespaces.js';
import { accessCte, activeNamespaceByIdAndSlug } from '../access/guard.js';
import type { AccessResult, Principal } from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { executeOne, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { spaceTotal } from '../spaces/counters.js';
import { counted, type CountedNamespace, namespaceColumns } from './columns.js';

/** Prepares the statement that finds a namespace by its slug. */
export function getNamespace({ db, resolveNamespace }: RepositoryContext) {
  const access = accessCte(db, activeNamespaceByIdAndSlug);
  const total = spaceTotal(db);
  const always = sql`true`;
  const found = db.$with('namespace').as(
    db
      .select(namespaceColumns)
      .from(namespaces)
      .where(eq(namespaces.id, param('namespaceId'))),
  );
  const statement = shared(
    db
      .with(access, found, total)
      .select()
      .from(access)
      .leftJoin(found, always)
      .leftJoin(total, always)
      .prepare('namespace_find'),
  );

  return async (principal: Principal, slug: string): Promise<AccessResult<CountedNamespace>> => {
    const result = await resolveNamespace(principal, slug, (scope) =>
      executeOne(statement, scope, { retryOnDisconnect: true }),
    );
    return result && { role: result.role, value: counted(result.row) };
  };
}

export type GetNamespace = ReturnType<typeof getNamespace>;
