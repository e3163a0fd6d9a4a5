import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import { isRestorable } from '../../db/schema/columns.js';
import { slugOrder, spaces } from '../../db/schema/spaces.js';
import { activeNamespaceByIdAndSlug, hasRole, lockedAccess } from '../access/guard.js';
import { type AccessResult, includesRole, type Principal, type Role } from '../access/principal.js';
import { executeOne, param } from '../access/statement.js';
import { type Contents, contentsOf } from '../contents/counters.js';
import type { RepositoryContext } from '../context.js';
import {
  executeIdempotent,
  idempotencyCtes,
  type IdempotencyKey,
  recordOf,
  type Replayable,
} from '../idempotency.js';
import {
  type Expected,
  expectVersion,
  hasExpectedId,
  hasVersion,
  isNamed,
  versionParams,
} from '../version.js';
import {
  type FilledSpace,
  spaceColumns,
  type SpaceRow,
  toReplayable,
  withContents,
} from './columns.js';
import { hasSlug, inNamespace, isActive, nextVersion, possibleSlug } from './conditions.js';
import { countAddedSpaces } from './counters.js';

/** The row of a restore with or without a key. */
interface RestoreRow {
  access: { role: Role | null };
  stored?: SpaceRow | null;
  space: SpaceRow | null;
  last_deleted: Pick<SpaceRow, 'id' | 'version'> | null;
  not_deleted: SpaceRow | null;
  contents: Contents;
}

/** Prepares the statements that restore a deleted space, with and without an idempotency key. */
export function restoreSpace({ db, resolveNamespace, quotas }: RepositoryContext) {
  const writing = lockedAccess(db, activeNamespaceByIdAndSlug, 'key share');
  const mayWrite = hasRole('editor');
  const always = sql`true`;

  // The space expected by `If-Match`, or else the last deleted one.
  const hadSlug = and(
    inNamespace,
    sql`${slugOrder} = ${param('spaceSlug')}`,
    isRestorable(spaces.deletedAt),
  );
  const expectedOne = db
    .select({ id: spaces.id })
    .from(spaces)
    // By id, because any number of spaces may have had the slug.
    .where(and(inNamespace, hasExpectedId(spaces.id), sql`(${hadSlug}) is true`))
    .orderBy(desc(isNamed(spaces)))
    .limit(1);
  const lastOne = db
    .select({ id: spaces.id })
    .from(spaces)
    .where(hadSlug)
    .orderBy(desc(spaces.deletedAt), desc(spaces.id))
    .limit(1);
  const lastDeleted = db.$with('last_deleted').as(
    db
      .select({ id: spaces.id, version: spaces.version })
      .from(spaces)
      .where(and(inNamespace, eq(spaces.id, sql`coalesce((${expectedOne}), (${lastOne}))`))),
  );
  const restoreWhere = (allowed: SQL) =>
    db.$with('space').as(
      db
        .update(spaces)
        .set({ ...nextVersion, deletedAt: sql`null`, slug: sql`${param('slug')}` })
        .where(
          and(
            inNamespace,
            eq(spaces.id, sql`(select id from last_deleted)`),
            isRestorable(spaces.deletedAt),
            allowed,
            hasVersion(spaces),
          ),
        )
        .returning(spaceColumns),
    );
  const notDeleted = db.$with('not_deleted').as(
    db
      .select(spaceColumns)
      .from(spaces)
      .where(and(inNamespace, hasSlug, isActive)),
  );
  // Locked, so that an erasure of the space waits for the saved response, which it deletes.
  const notDeletedOnce = db.$with('not_deleted').as(
    db
      .select(spaceColumns)
      .from(spaces)
      .where(and(inNamespace, hasSlug, isActive, mayWrite))
      .for('key share'),
  );
  const contents = contentsOf(sql`coalesce((select id from space), (select id from not_deleted))`);

  const restored = restoreWhere(mayWrite);
  const statement = db
    .with(...writing.expressions, lastDeleted, restored, ...countAddedSpaces(db), notDeleted)
    .select({
      access: { role: writing.access.role },
      last_deleted: lastDeleted._.selectedFields,
      space: restored._.selectedFields,
      not_deleted: notDeleted._.selectedFields,
      contents,
    })
    .from(writing.access)
    .leftJoin(lastDeleted, always)
    .leftJoin(restored, always)
    .leftJoin(notDeleted, always)
    .prepare('space_restore');

  const once = idempotencyCtes(db, mayWrite, spaceColumns, recordOf(spaceColumns));
  const restoredOnce = restoreWhere(once.isClaimed);
  const statementOnce = db
    .with(
      ...writing.expressions,
      ...once.expressions,
      lastDeleted,
      restoredOnce,
      ...countAddedSpaces(db),
      notDeletedOnce,
      once.keep(sql`
        select to_jsonb(space) from space
        union all select to_jsonb(not_deleted) from not_deleted
        where ${and(once.isClaimed, hasVersion(notDeletedOnce), sql`not exists (select from last_deleted)`)}`),
    )
    .select({
      access: { role: writing.access.role },
      claim: { free: once.claim.free },
      stored: once.stored._.selectedFields,
      last_deleted: lastDeleted._.selectedFields,
      space: restoredOnce._.selectedFields,
      not_deleted: notDeletedOnce._.selectedFields,
      contents,
    })
    .from(writing.access)
    .leftJoin(once.claim, always)
    .leftJoin(once.stored, always)
    .leftJoin(lastDeleted, always)
    .leftJoin(restoredOnce, always)
    .leftJoin(notDeletedOnce, always)
    .prepare('space_restore_once');

  /**
   * Restores the last deleted of the spaces that had this slug; a space that is not deleted stays unchanged.
   * Needs the role `editor`.
   *
   * @param newSlug a new slug, in case the former one is taken; null to keep the former one
   * @param key with a key the space is restored once, however often the function is called
   * @throws `Failure` `slug_taken` when another active space has the slug now, `precondition_failed` when the
   *   space has none of the expected versions, `quota_exceeded` when the namespace has reached its quota of
   *   spaces, and the failures of `executeIdempotent`
   */
  return async (
    principal: Principal,
    namespaceSlug: string,
    spaceSlug: string,
    newSlug: string | null,
    expected: Expected,
    key: IdempotencyKey | null,
  ): Promise<AccessResult<Replayable<FilledSpace>>> => {
    const former = possibleSlug(spaceSlug);
    const operation = `restoreSpace ${former}`;
    const attempt = async () => {
      const result = await resolveNamespace<RestoreRow>(principal, namespaceSlug, (scope) => {
        const values = {
          ...scope,
          ...versionParams(expected),
          spaceSlug: former,
          slug: newSlug ?? former,
          quota: quotas.spacesPerNamespace,
        };
        return key
          ? executeIdempotent(statementOnce, { ...values, ...key, operation })
          : executeOne(statement, values);
      });
      if (!result) return null;
      const { role, row } = result;
      const value = toReplayable(row);
      if (value || !includesRole(role, 'editor')) {
        return { role, value: withContents(value, row.contents) };
      }
      const untouched = row.last_deleted ?? row.not_deleted;
      if (untouched) expectVersion(untouched, expected);
      const active = row.last_deleted ? null : row.not_deleted;
      return {
        role,
        value: withContents(active && { ...active, replayed: false }, row.contents),
      };
    };
    const outcome = await attempt();
    // Retried once, because after a concurrent restore the space was neither deleted nor active in the
    // snapshot.
    return outcome?.value === null && includesRole(outcome.role, 'editor') ? attempt() : outcome;
  };
}
