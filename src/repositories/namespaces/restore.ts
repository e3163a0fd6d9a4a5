import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import { isRestorable } from '../../db/schema/columns.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { isFailure } from '../../failure.js';
import { isSlug } from '../../slug.js';
import { hasRole, lockedAccess } from '../access/guard.js';
import {
  type AccessResult,
  includesRole,
  type Principal,
  principalParams,
  type Role,
} from '../access/principal.js';
import { executeOne, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import {
  executeIdempotent,
  idempotencyCtes,
  type IdempotencyKey,
  recordOf,
  type Replayable,
} from '../idempotency.js';
import { spaceTotal } from '../spaces/counters.js';
import { type Expected, expectVersion, hasVersion, versionParams } from '../version.js';
import {
  counted,
  type CountedNamespace,
  namespaceColumns,
  type NamespaceRow,
  nextVersion,
} from './columns.js';
import { restoreTargets } from './restore-target.js';
import { claimSlug } from './slugs.js';
import { countForMembers } from './subject-counters.js';
import { untilCurrent } from './until-current.js';

/** The row of a restore with or without a key. */
interface RestoreRow {
  access: { role: Role | null };
  isCurrent: boolean | null;
  stored?: CountedNamespace | null;
  before: (NamespaceRow & { deletedAt: Date | null }) | null;
  namespace: NamespaceRow | null;
  total: { total: number } | null;
}

/** Prepares the statements that restore a deleted namespace, with and without an idempotency key. */
export function restoreNamespace({
  db,
  resolveNamespace,
  quotas,
  slugHoldDays,
}: RepositoryContext) {
  const targets = restoreTargets(db);
  const mayOwn = hasRole('owner');
  const total = spaceTotal(db);
  const always = sql`true`;
  const slug = sql`${param('slug')}::text`;

  // The slug is checked again, because the namespace may be renamed between the two statements.
  const isTarget = and(
    eq(namespaces.id, param('namespaceId')),
    sql`(${param('repeats')}::boolean or ${namespaces.slug} = ${param('namespaceSlug')})`,
  );
  const target = lockedAccess(db, isTarget, 'update');
  const before = db.$with('before').as(
    db
      .select({ ...namespaceColumns, deletedAt: namespaces.deletedAt })
      .from(namespaces)
      .where(isTarget),
  );
  const restoreWhere = (allowed: SQL) => {
    const restored = db.$with('namespace').as(
      db
        .update(namespaces)
        .set({ ...nextVersion, deletedAt: sql`null`, slug })
        .where(
          and(
            isTarget,
            isRestorable(namespaces.deletedAt),
            allowed,
            hasVersion(namespaces),
            target.isCurrent,
          ),
        )
        .returning({ ...namespaceColumns, createdBy: namespaces.createdBy }),
    );
    const claimant = sql`select id from namespace`;
    return {
      restored,
      effects: [...claimSlug(db, slug, claimant, slugHoldDays), countForMembers(db, 1)],
    };
  };
  const { restored, effects } = restoreWhere(mayOwn);
  const restoreStatement = db
    .with(...target.expressions, before, restored, ...effects, total)
    .select({
      access: { role: target.access.role },
      isCurrent: target.isCurrent,
      before: before._.selectedFields,
      namespace: restored._.selectedFields,
      total: { total: total.total },
    })
    .from(target.access)
    .leftJoin(before, always)
    .leftJoin(restored, always)
    .leftJoin(total, always)
    .prepare('namespace_restore');
  const onceRestored = idempotencyCtes(
    db,
    mayOwn,
    { ...namespaceColumns, spaces: sql<number>`spaces`.as('spaces') },
    sql`${recordOf(namespaceColumns)}, spaces integer`,
  );
  const { restored: restoredOnce, effects: effectsOnce } = restoreWhere(onceRestored.isClaimed);
  const restoreOnceStatement = db
    .with(
      ...target.expressions,
      ...onceRestored.expressions,
      before,
      restoredOnce,
      ...effectsOnce,
      total,
      onceRestored.keep(sql`
        select answer || jsonb_build_object('spaces', total)
        from total, (
          select to_jsonb(namespace) from namespace
          union all select to_jsonb(before) from before
          where ${target.isCurrent} and ${and(onceRestored.isClaimed, isNull(before.deletedAt), hasVersion(before))}
        ) as effect (answer)`),
    )
    .select({
      access: { role: target.access.role },
      isCurrent: target.isCurrent,
      claim: { free: onceRestored.claim.free },
      stored: onceRestored.stored._.selectedFields,
      before: before._.selectedFields,
      namespace: restoredOnce._.selectedFields,
      total: { total: total.total },
    })
    .from(target.access)
    .leftJoin(onceRestored.claim, always)
    .leftJoin(onceRestored.stored, always)
    .leftJoin(before, always)
    .leftJoin(restoredOnce, always)
    .leftJoin(total, always)
    .prepare('namespace_restore_once');

  /**
   * Restores the last deleted of the caller's namespaces that had this slug; a namespace that is not deleted
   * stays unchanged. Needs the role `owner`.
   *
   * @param newSlug a new slug, in case the former one is taken; null to keep the former one
   * @param key with a key the namespace is restored once, however often the function is called
   * @throws `Failure` `slug_taken` when another namespace has the slug now, `precondition_failed` when the
   *   namespace has none of the expected versions, `quota_exceeded` when its creator has reached the quota, and
   *   the failures of `executeIdempotent`
   */
  return async (
    principal: Principal,
    slug: string,
    newSlug: string | null,
    expected: Expected,
    key: IdempotencyKey | null,
  ): Promise<AccessResult<Replayable<CountedNamespace>>> => {
    const quota = quotas.namespacesPerSubject;
    if (!isSlug(slug)) return null;
    const caller = { ...principalParams(principal), namespaceSlug: slug };
    const once = key && { ...key, operation: `restoreNamespace ${slug}` };
    const attempt = async (): Promise<AccessResult<Replayable<CountedNamespace>>> => {
      const target = await (once
        ? executeOne(targets.once, { ...caller, ...once, ...versionParams(expected) })
        : executeOne(targets.plain, { ...caller, ...versionParams(expected) }));
      // If it has another slug now, the resolver throws `renamed`.
      if (!target?.id) {
        await resolveNamespace(principal, slug, () => Promise.resolve(undefined));
        return null;
      }
      const values = {
        ...caller,
        ...versionParams(expected),
        namespaceId: target.id,
        repeats: target.repeats,
        slug: newSlug ?? slug,
        quota,
      };
      const row: RestoreRow | undefined = await untilCurrent<RestoreRow>(() =>
        once
          ? executeIdempotent(restoreOnceStatement, { ...values, ...once })
          : executeOne(restoreStatement, values),
      );
      const role = row?.access.role;
      if (!role) return null;
      if (row.stored) return { role, value: { ...row.stored, replayed: true } };
      if (row.before && !row.namespace && includesRole(role, 'owner')) {
        expectVersion(row.before, expected);
      }
      const untouched = row.before?.deletedAt === null ? row.before : null;
      const value = counted({ ...row, namespace: row.namespace ?? untouched });
      return { role, value: value && { ...value, replayed: false } };
    };
    const outcome = await attempt().catch((error: unknown) => {
      // Citus reads the keys before the namespaces: a restore with the same key that came in between is found now.
      if (once && isFailure(error, 'slug_taken')) return attempt();
      throw error;
    });
    // Retried once, because after a concurrent restore the namespace was neither deleted nor active in the
    // snapshot.
    return outcome?.value === null && includesRole(outcome.role, 'owner') ? attempt() : outcome;
  };
}
