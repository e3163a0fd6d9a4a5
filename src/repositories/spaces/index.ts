import { and, desc, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import type { JsonObject } from '../../db/schema/columns.js';
import { slugOrder, spaces } from '../../db/schema/spaces.js';
import { isSlug } from '../../slug.js';
import { accessAllows, accessTo, byIdAndSlug, lockedAccess } from '../access/guard.js';
import { type ResolveNamespace } from '../access/namespace-resolver.js';
import { includesRole, type Outcome, type Principal, type Role } from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { param, repeat, run } from '../access/statement.js';
import { type Contents, contentsOf } from '../contents/counters.js';
import {
  type Answered,
  type IdempotencyKey,
  onceByKey,
  recordOf,
  runOnce,
} from '../idempotency.js';
import { SKIPPED_MAX } from '../lists/numbered-pages.js';
import { PageCache } from '../lists/page-cache.js';
import { isSearch } from '../lists/selection.js';
import { noQuotas } from '../quotas.js';
import {
  type Expected,
  expectVersion,
  expectWritten,
  hasExpectedId,
  hasVersion,
  isNamed,
  merge,
  update,
  versionParams,
} from '../version.js';
import { answered, jsonParam, type NewSpace, spaceColumns, type SpaceRow } from './columns.js';
import { countSpaces } from './counters.js';
import { spaceCreation } from './create.js';
import { dropSpaceSlug, formerSlugs, keepSpaceSlug } from './former-slugs.js';
import { spaceLists, type SpaceLists, type SpaceSelection } from './list.js';

/** A space, and what it contains. */
export type FilledSpace = SpaceRow & { contents: Contents };

export type NamespacedSpace = FilledSpace & { namespaceId: string };

/** Fields that are absent stay as they are. */
export type SpaceChanges = Partial<NewSpace>;

/**
 * Makes the repository of spaces; its statements are prepared once per connection.
 *
 * @param searchDb where lists are read that may take long
 * @param pages keeps finished pages of lists; none by default
 * @param quota the most active spaces of a namespace, null for no bound
 */
export function spacesRepository(
  db: Database,
  resolveNamespace: ResolveNamespace,
  searchDb: Database = db,
  pages: PageCache = new PageCache(0),
  quota: number | null = noQuotas.spacesPerNamespace,
) {
  const lists = spaceLists(db, resolveNamespace, pages);
  const searches = spaceLists(searchDb, resolveNamespace, pages);
  const access = accessTo(db, byIdAndSlug);
  const writing = lockedAccess(db, byIdAndSlug, 'key share');
  const mayWrite = accessAllows('editor');
  const inNamespace = eq(spaces.namespaceId, param('namespaceId'));
  const isActive = isNull(spaces.deletedAt);
  const hasSlug = eq(spaces.slug, param('spaceSlug'));
  const always = sql`true`;
  const nextVersion = { version: sql`${spaces.version} + 1`, updatedAt: sql`now()` };

  const found = db.$with('space').as(
    db
      .select(spaceColumns)
      .from(spaces)
      .where(and(inNamespace, hasSlug, isActive)),
  );
  const findStatement = shared(
    db
      .with(access, found)
      .select({
        access: { role: access.role },
        space: found._.selectedFields,
        contents: contentsOf(),
      })
      .from(access)
      .leftJoin(found, always)
      .prepare('space_find'),
  );

  const once = onceByKey(db, mayWrite, spaceColumns, recordOf(spaceColumns));

  const updated = db.$with('space').as(
    db
      .update(spaces)
      .set({
        ...nextVersion,
        name: sql`coalesce(${param('name')}, ${spaces.name})`,
        slug: sql`coalesce(${param('slug')}, ${spaces.slug})`,
        description: sql`case when ${param('setDescription')}::boolean then ${param('description')}
          else ${spaces.description} end`,
        tags: sql`coalesce(${jsonParam('tags')}, ${spaces.tags})`,
        metadata: sql`case when ${param('setMetadata')}::boolean then ${jsonParam('metadata')}
          else ${spaces.metadata} end`,
      })
      .where(and(inNamespace, hasSlug, isActive, mayWrite, hasVersion(spaces)))
      .returning(spaceColumns),
  );
  const updateStatement = db
    .with(...writing.expressions, updated, countSpaces(db, 0), keepSpaceSlug(db))
    .select({
      access: { role: writing.access.role },
      space: updated._.selectedFields,
      contents: contentsOf(),
    })
    .from(writing.access)
    .leftJoin(updated, always)
    .prepare('space_update');

  const deleted = db.$with('space').as(
    db
      .update(spaces)
      .set({ ...nextVersion, deletedAt: sql`now()` })
      .where(and(inNamespace, hasSlug, isActive, mayWrite, hasVersion(spaces)))
      .returning({ id: spaces.id, version: spaces.version }),
  );
  const deleteStatement = db
    .with(...writing.expressions, deleted, countSpaces(db, -1), dropSpaceSlug(db))
    .select()
    .from(writing.access)
    .leftJoin(deleted, always)
    .prepare('space_delete');

  // The one that is expected, however many of the slug were deleted after it, or else the last.
  const hadSlug = and(
    inNamespace,
    sql`${slugOrder} = ${param('spaceSlug')}`,
    isNotNull(spaces.deletedAt),
  );
  const expectedOne = db
    .select({ id: spaces.id })
    .from(spaces)
    // Found by their ids, never by the slug that any number may have had.
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
            isNotNull(spaces.deletedAt),
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
  const contentsOfRestored = contentsOf(
    sql`coalesce((select id from space), (select id from not_deleted))`,
  );
  const restored = restoreWhere(mayWrite);
  const restoreStatement = db
    .with(...writing.expressions, lastDeleted, restored, countSpaces(db, 1), notDeleted)
    .select({
      access: { role: writing.access.role },
      last_deleted: lastDeleted._.selectedFields,
      space: restored._.selectedFields,
      not_deleted: notDeleted._.selectedFields,
      contents: contentsOfRestored,
    })
    .from(writing.access)
    .leftJoin(lastDeleted, always)
    .leftJoin(restored, always)
    .leftJoin(notDeleted, always)
    .prepare('space_restore');
  const restoredOnce = restoreWhere(once.isClaimed);
  const restoreOnceStatement = db
    .with(
      ...writing.expressions,
      ...once.expressions,
      lastDeleted,
      restoredOnce,
      countSpaces(db, 1),
      notDeleted,
      once.keep(sql`
        select to_jsonb(space) from space
        union all select to_jsonb(not_deleted) from not_deleted
        where ${and(once.isClaimed, hasVersion(notDeleted), sql`not exists (select from last_deleted)`)}`),
    )
    .select({
      access: { role: writing.access.role },
      claim: { free: once.claim.free },
      stored: once.stored._.selectedFields,
      last_deleted: lastDeleted._.selectedFields,
      space: restoredOnce._.selectedFields,
      not_deleted: notDeleted._.selectedFields,
      contents: contentsOfRestored,
    })
    .from(writing.access)
    .leftJoin(once.claim, always)
    .leftJoin(once.stored, always)
    .leftJoin(lastDeleted, always)
    .leftJoin(restoredOnce, always)
    .leftJoin(notDeleted, always)
    .prepare('space_restore_once');

  async function find(
    principal: Principal,
    namespaceSlug: string,
    spaceSlug: string,
  ): Promise<Outcome<NamespacedSpace>> {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      repeat(findStatement, { ...scope, spaceSlug: possibleSlug(spaceSlug) }),
    );
    return (
      result && {
        role: result.role,
        value: result.row.space && {
          ...result.row.space,
          contents: result.row.contents,
          namespaceId: result.namespaceId,
        },
      }
    );
  }

  async function write(
    principal: Principal,
    namespaceSlug: string,
    spaceSlug: string,
    changes: SpaceChanges,
    expected: Expected,
  ): Promise<Outcome<FilledSpace>> {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      run(updateStatement, {
        ...scope,
        ...versionParams(expected),
        spaceSlug: possibleSlug(spaceSlug),
        quota,
        name: changes.name ?? null,
        slug: changes.slug ?? null,
        setDescription: changes.description !== undefined,
        description: changes.description ?? null,
        tags: changes.tags ?? null,
        setMetadata: changes.metadata !== undefined,
        metadata: changes.metadata ?? null,
      }),
    );
    return result && { role: result.role, value: filled(result.row.space, result.row.contents) };
  }

  const resource = (principal: Principal, namespaceSlug: string, spaceSlug: string) => ({
    needed: 'editor' as const,
    read: () => find(principal, namespaceSlug, spaceSlug),
    write: (changes: SpaceChanges, expected: Expected) =>
      write(principal, namespaceSlug, spaceSlug, changes, expected),
  });

  return {
    /** The lists that are read where nothing waits behind one that takes long. @param offset of the page */
    listsFor(selection: SpaceSelection, offset: number): SpaceLists {
      return isSearch(selection) || offset > SKIPPED_MAX ? searches : lists;
    },
    ...spaceCreation(db, resolveNamespace, quota),
    ...formerSlugs(db, resolveNamespace),

    find,

    /**
     * Writes the given fields and no others. Needs the role `editor`.
     *
     * @throws `ServiceError` `slug_conflict` when another active space of the namespace has the slug,
     *   `precondition_failed` when the space has none of the versions expected
     */
    update(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
      changes: SpaceChanges,
      expected: Expected,
    ): Promise<Outcome<FilledSpace>> {
      return update(resource(principal, namespaceSlug, spaceSlug), changes, expected);
    },

    /**
     * As `update`, with metadata made from what is stored.
     *
     * @param metadata given the stored metadata, the metadata to store
     */
    merge(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
      changes: SpaceChanges,
      metadata: (stored: JsonObject | null) => JsonObject | null,
      expected: Expected,
    ): Promise<Outcome<FilledSpace>> {
      return merge(resource(principal, namespaceSlug, spaceSlug), changes, metadata, expected);
    },

    /**
     * Soft. Needs the role `editor`. The value is the version of the deleted space.
     *
     * @throws `ServiceError` `precondition_failed` when the space has none of the versions expected
     */
    async remove(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
      expected: Expected,
    ): Promise<Outcome<Pick<SpaceRow, 'id' | 'version'>>> {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        run(deleteStatement, {
          ...scope,
          ...versionParams(expected),
          spaceSlug: possibleSlug(spaceSlug),
          quota,
        }),
      );
      const outcome = result && { role: result.role, value: result.row.space };
      return expectWritten(outcome, 'editor', expected, () =>
        find(principal, namespaceSlug, spaceSlug),
      );
    },

    /**
     * Brings back the last deleted of the spaces that had this slug; a space that is not deleted
     * stays as it is. Needs the role `editor`.
     *
     * @param newSlug another slug for it, because its own may have been taken; null to keep it
     * @param key with it the space is restored once, however often this is called
     * @throws `ServiceError` `slug_conflict` when an active space has taken the slug meanwhile,
     *   `precondition_failed` when the space has none of the versions expected, `quota_exceeded`
     *   when the namespace has as many spaces as it may, and what `runOnce` throws
     */
    async restore(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
      newSlug: string | null,
      expected: Expected,
      key: IdempotencyKey | null,
    ): Promise<Outcome<Answered<FilledSpace>>> {
      const former = possibleSlug(spaceSlug);
      const attempt = async () => {
        const result = await resolveNamespace<RestoreRow>(principal, namespaceSlug, (scope) => {
          const values = {
            ...scope,
            ...versionParams(expected),
            spaceSlug: former,
            slug: newSlug ?? former,
            quota,
          };
          return key
            ? runOnce(restoreOnceStatement, {
                ...values,
                ...key,
                operation: `restoreSpace ${former}`,
              })
            : run(restoreStatement, values);
        });
        if (!result) return null;
        const { role, row } = result;
        const value = answered(row);
        if (value || !includesRole(role, 'editor')) {
          return { role, value: filled(value, row.contents) };
        }
        const untouched = row.last_deleted ?? row.not_deleted;
        if (untouched) expectVersion(untouched, expected);
        const active = row.last_deleted ? null : row.not_deleted;
        return { role, value: filled(active && { ...active, replayed: false }, row.contents) };
      };
      const outcome = await attempt();
      // To a restore that another one overtook, the space was not active yet and not deleted any more.
      return outcome?.value === null && includesRole(outcome.role, 'editor') ? attempt() : outcome;
    },
  };
}

export type SpacesRepository = ReturnType<typeof spacesRepository>;

/** The row of a restore with or without a key. */
interface RestoreRow {
  access: { role: Role | null };
  stored?: SpaceRow | null;
  space: SpaceRow | null;
  last_deleted: Pick<SpaceRow, 'id' | 'version'> | null;
  not_deleted: SpaceRow | null;
  contents: Contents;
}

function filled<Row extends object>(row: Row | null, contents: Contents) {
  return row && { ...row, contents };
}

/** A slug of a path; one that cannot exist, and PostgreSQL may refuse, becomes one that finds nothing. */
function possibleSlug(slug: string): string {
  return isSlug(slug) ? slug : '';
}
