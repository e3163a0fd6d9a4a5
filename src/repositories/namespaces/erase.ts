import { and, eq, isNull, sql } from 'drizzle-orm';
import { isBeingErased } from '../../db/schema/columns.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { isSlug } from '../../slug.js';
import { accessCte, hasRole, lockedAccess } from '../access/guard.js';
import {
  type AccessResult,
  includesRole,
  type Principal,
  principalParams,
} from '../access/principal.js';
import { executeOne, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { eraseNamespace as eraseRows } from '../retention/containers.js';
import type { ErasureOutcome } from '../retention/erasures.js';
import { untilDone } from '../retry.js';
import { type Expected, expectVersion, hasVersion, versionParams } from '../version.js';
import { nextVersion } from './columns.js';
import { restoreTargets } from './restore-target.js';
import { freeSlug } from './slugs.js';
import { countForMembers } from './subject-counters.js';
import { untilCurrent } from './until-current.js';

/** Prepares the statements that begin the erasure of a namespace, and those that report whether it is running. */
export function eraseNamespace({ db, resolveNamespace, erasures }: RepositoryContext) {
  const targets = restoreTargets(db);
  const always = sql`true`;
  // The slug is part of the condition, because the namespace may be renamed between the two statements.
  const isTarget = and(
    eq(namespaces.id, param('namespaceId')),
    eq(namespaces.slug, param('namespaceSlug')),
  );
  const writing = lockedAccess(db, isTarget, 'update');
  const before = db.$with('before').as(
    db
      .select({
        id: namespaces.id,
        version: namespaces.version,
        isActive: sql<boolean>`${isNull(namespaces.deletedAt)}`.as('is_active'),
      })
      .from(namespaces)
      .where(isTarget),
  );
  const begun = db.$with('begun').as(
    db
      .update(namespaces)
      .set({ ...nextVersion, deletedAt: sql`'-infinity'` })
      .where(and(isTarget, hasRole('owner'), hasVersion(namespaces), writing.isCurrent))
      .returning({ id: namespaces.id, createdBy: namespaces.createdBy }),
  );
  // The namespace, if it was active: then the effects of a deletion follow.
  const deleted = db.$with('namespace', {}).as(sql`
    select id, created_by from ${begun} where (select is_active from ${before})`);
  const statement = db
    .with(
      ...writing.expressions,
      before,
      begun,
      deleted,
      freeSlug(db, always),
      countForMembers(db, -1),
    )
    .select({
      access: { role: writing.access.role },
      isCurrent: writing.isCurrent,
      before: before._.selectedFields,
      begun: { id: begun.id },
    })
    .from(writing.access)
    .leftJoin(before, always)
    .leftJoin(begun, always)
    .prepare('namespace_erase');

  const access = accessCte(
    db,
    and(isTarget, sql`(${isNull(namespaces.deletedAt)} or ${isBeingErased(namespaces.deletedAt)})`),
  );
  const accessStatement = db
    .with(access)
    .select({ access: { role: access.role } })
    .from(access)
    .prepare('namespace_erasure');

  return {
    /**
     * Permanently erases the active namespace with this slug or, without one, the caller's last deleted namespace
     * that had it. Needs the role `owner`.
     *
     * @param expected may identify another deleted namespace that had the slug
     * @throws `Failure` `precondition_failed` when the namespace has none of the expected versions, `renamed`
     *   when it has another slug now
     */
    async erase(
      principal: Principal,
      slug: string,
      expected: Expected,
    ): Promise<AccessResult<ErasureOutcome>> {
      if (!isSlug(slug)) return null;
      const values = {
        ...principalParams(principal),
        ...versionParams(expected),
        namespaceSlug: slug,
        quota: null,
      };
      return untilDone(async () => {
        const target = await executeOne(targets.erased, values);
        if (!target?.id) {
          await resolveNamespace(principal, slug, () => Promise.resolve(undefined));
          return null;
        }
        const namespaceId = target.id;
        const row = await untilCurrent(() => executeOne(statement, { ...values, namespaceId }));
        const role = row?.access.role;
        if (!role || !row.before) return null;
        if (row.begun) {
          resolveNamespace.forget(slug);
          return { role, value: { isDone: await erasures.run(eraseRows(db, namespaceId)) } };
        }
        if (!includesRole(role, 'owner')) return { role, value: null };
        expectVersion(row.before, expected);
        // A concurrent write has changed the namespace since the snapshot.
        return undefined;
      });
    },

    /** @returns whether the erasure of a namespace with this slug is running; null where none is */
    async erasure(principal: Principal, slug: string): Promise<AccessResult<ErasureOutcome>> {
      if (!isSlug(slug)) return null;
      const values = { ...principalParams(principal), namespaceSlug: slug };
      const target = await executeOne(targets.beingErased, values, { retryOnDisconnect: true });
      if (!target?.id) {
        const active = await resolveNamespace(principal, slug, (scope) =>
          executeOne(accessStatement, scope, { retryOnDisconnect: true }),
        );
        return active && { role: active.role, value: null };
      }
      const row = await executeOne(
        accessStatement,
        { ...values, namespaceId: target.id },
        { retryOnDisconnect: true },
      );
      const role = row?.access.role;
      return role ? { role, value: { isDone: false } } : null;
    },
  };
}
