import { and, eq, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { spaces } from '../../db/schema/spaces.js';
import { activeNamespaceByIdAndSlug, hasRole, lockedAccess } from '../access/guard.js';
import { type AccessResult, includesRole, type Principal } from '../access/principal.js';
import { executeOne, param } from '../access/statement.js';
import { contentsOf } from '../contents/counters.js';
import type { RepositoryContext } from '../context.js';
import { untilDone } from '../retry.js';
import { type FilledSpace, type NewSpace, spaceColumns } from './columns.js';
import { inNamespace, isActive } from './conditions.js';
import { countAddedSpaces } from './counters.js';
import { insertSpaces, oneSpace } from './insert.js';

/** Prepares the statement that creates a space unless an active one has its slug. */
export function ensureSpace({ db, resolveNamespace, quotas }: RepositoryContext) {
  const writing = lockedAccess(db, activeNamespaceByIdAndSlug, 'key share');
  const always = sql`true`;
  const ensured = insertSpaces(
    db,
    spaceColumns,
    oneSpace(hasRole('editor')),
    sql`on conflict (namespace_id, slug) where deleted_at is null do nothing`,
  );
  const existing = db.$with('existing').as(
    db
      .select(spaceColumns)
      .from(spaces)
      .where(and(inNamespace, eq(spaces.slug, param('slug')), isActive)),
  );
  const statement = db
    .with(...writing.expressions, ensured, ...countAddedSpaces(db), existing)
    .select({
      access: { role: writing.access.role },
      space: ensured._.selectedFields,
      existing: existing._.selectedFields,
      contents: contentsOf(sql`(select id from existing)`),
    })
    .from(writing.access)
    .leftJoin(ensured, always)
    .leftJoin(existing, always)
    .prepare('space_ensure');

  /**
   * Creates a space unless an active one has the slug, which stays unchanged. Needs the role `editor`.
   *
   * @returns the space, and whether this call created it
   */
  return async (
    principal: Principal,
    namespaceSlug: string,
    space: NewSpace,
  ): Promise<AccessResult<FilledSpace & { created: boolean }>> => {
    const values = { ...space, id: uuidv7(), quota: quotas.spacesPerNamespace };
    return untilDone(async () => {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        executeOne(statement, { ...scope, ...values }, { retryOnDisconnect: true }),
      );
      if (!result) return null;
      const { role, row } = result;
      const value = row.space ?? row.existing;
      // If there is neither, a concurrent request created the space after the snapshot; the next attempt sees
      // it.
      if (value || !includesRole(role, 'editor')) {
        const isCreated = value?.id === values.id;
        const { contents } = row;
        return { role, value: value && { ...value, created: isCreated, contents } };
      }
      return undefined;
    });
  };
}
