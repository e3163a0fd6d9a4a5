import { and, sql } from 'drizzle-orm';
import { spaces } from '../../db/schema/spaces.js';
import { activeNamespaceByIdAndSlug, hasRole, lockedAccess } from '../access/guard.js';
import type { AccessResult, Principal } from '../access/principal.js';
import { executeOne } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { type Expected, expectWritten, hasVersion, versionParams } from '../version.js';
import type { SpaceRow } from './columns.js';
import { hasSlug, inNamespace, isActive, nextVersion, possibleSlug } from './conditions.js';
import { recountSpaces } from './counters.js';
import { dropSpaceSlug } from './former-slugs.js';
import type { GetSpace } from './get.js';

/** Prepares the statement that soft-deletes a space. */
export function deleteSpace({ db, resolveNamespace, quotas }: RepositoryContext, get: GetSpace) {
  const writing = lockedAccess(db, activeNamespaceByIdAndSlug, 'key share');
  const deleted = db.$with('space').as(
    db
      .update(spaces)
      .set({ ...nextVersion, deletedAt: sql`now()` })
      .where(and(inNamespace, hasSlug, isActive, hasRole('editor'), hasVersion(spaces)))
      .returning({ id: spaces.id, version: spaces.version }),
  );
  const statement = db
    .with(...writing.expressions, deleted, recountSpaces(db, -1), dropSpaceSlug(db))
    .select()
    .from(writing.access)
    .leftJoin(deleted, sql`true`)
    .prepare('space_delete');

  /**
   * Needs the role `editor`.
   *
   * @returns the version of the deleted space
   * @throws `Failure` `precondition_failed` when the space has none of the expected versions
   */
  return async (
    principal: Principal,
    namespaceSlug: string,
    spaceSlug: string,
    expected: Expected,
  ): Promise<AccessResult<Pick<SpaceRow, 'id' | 'version'>>> => {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      executeOne(statement, {
        ...scope,
        ...versionParams(expected),
        spaceSlug: possibleSlug(spaceSlug),
        quota: quotas.spacesPerNamespace,
      }),
    );
    const outcome = result && { role: result.role, value: result.row.space };
    return expectWritten(outcome, 'editor', expected, () =>
      get(principal, namespaceSlug, spaceSlug),
    );
  };
}
