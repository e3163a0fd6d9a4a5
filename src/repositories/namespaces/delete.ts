import { and, sql } from 'drizzle-orm';
import { namespaces } from '../../db/schema/namespaces.js';
import { activeNamespaceByIdAndSlug, hasRole, lockedAccess } from '../access/guard.js';
import type { AccessResult, Principal } from '../access/principal.js';
import { executeOne } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { type Expected, expectWritten, hasVersion, versionParams } from '../version.js';
import { type NamespaceRow, nextVersion } from './columns.js';
import type { GetNamespace } from './get.js';
import { freeSlug } from './slugs.js';
import { countForMembers } from './subject-counters.js';
import { untilCurrent } from './until-current.js';

/** Prepares the statement that soft-deletes a namespace; its members and spaces stay for a restore. */
export function deleteNamespace({ db, resolveNamespace }: RepositoryContext, get: GetNamespace) {
  const writing = lockedAccess(db, activeNamespaceByIdAndSlug, 'update');
  const mayOwn = hasRole('owner');
  const always = sql`true`;
  const deleted = db.$with('namespace').as(
    db
      .update(namespaces)
      .set({ ...nextVersion, deletedAt: sql`now()` })
      // `isCurrent`, because the members are counted from the snapshot.
      .where(and(activeNamespaceByIdAndSlug, mayOwn, hasVersion(namespaces), writing.isCurrent))
      .returning({
        id: namespaces.id,
        version: namespaces.version,
        createdBy: namespaces.createdBy,
      }),
  );
  const statement = db
    .with(...writing.expressions, deleted, freeSlug(db, always), countForMembers(db, -1))
    .select({
      access: { role: writing.access.role },
      isCurrent: writing.isCurrent,
      namespace: { id: deleted.id, version: deleted.version },
    })
    .from(writing.access)
    .leftJoin(deleted, always)
    .prepare('namespace_delete');

  /**
   * Needs the role `owner`.
   *
   * @returns the version of the deleted namespace
   * @throws `Failure` `precondition_failed` when the namespace has none of the expected versions
   */
  return async (
    principal: Principal,
    namespaceSlug: string,
    expected: Expected,
  ): Promise<AccessResult<Pick<NamespaceRow, 'id' | 'version'>>> => {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      untilCurrent(() =>
        executeOne(statement, { ...scope, ...versionParams(expected), quota: null }),
      ),
    );
    const outcome = result && { role: result.role, value: result.row.namespace };
    if (outcome?.value) resolveNamespace.forget(namespaceSlug);
    return expectWritten(outcome, 'owner', expected, () => get(principal, namespaceSlug));
  };
}
