import { and, asc, desc, eq, isNotNull, isNull, or, type SQL, sql } from 'drizzle-orm';
import { NIL, v7 as uuidv7 } from 'uuid';
import type { Database } from '../db/client.js';
import type { JsonObject } from '../db/schema/columns.js';
import { members } from '../db/schema/members.js';
import { namespaces } from '../db/schema/namespaces.js';
import { isSlug } from '../slug.js';
import {
  accessAllows,
  accessTo,
  byIdAndSlug,
  includesRole,
  lockedAccess,
  type Outcome,
  type Page,
  param,
  type Principal,
  principalParams,
  repeat,
  repeatAll,
  type ResolveNamespace,
  type Role,
  run,
} from './access.js';
import { dropNamespaceSlug, keepNamespaceSlug } from './former-slugs.js';
import {
  type Answered,
  type IdempotencyKey,
  onceByKey,
  recordOf,
  runOnce,
  wasUsedIn,
} from './idempotency.js';
import { type CachedPage, PageCache } from './page-cache.js';
import { type Part, partOf, type Position } from './walk.js';
import { shared } from './shared-reads.js';
import { spaceTotal } from './space-counters.js';
import {
  type Expected,
  expectVersion,
  expectWritten,
  hasVersion,
  isNamed,
  merge,
  update,
  versionParams,
} from './version.js';

const namespaceColumns = {
  id: namespaces.id,
  slug: namespaces.slug,
  name: namespaces.name,
  metadata: namespaces.metadata,
  version: namespaces.version,
  createdAt: namespaces.createdAt,
  updatedAt: namespaces.updatedAt,
};

export type NamespaceRow = Pick<typeof namespaces.$inferSelect, keyof typeof namespaceColumns>;

/** A namespace and how many active spaces it has. */
export type CountedNamespace = NamespaceRow & { spaces: number };

/** A namespace of the caller's own, with the caller's role in it. */
export type OwnNamespace = Pick<NamespaceRow, 'id' | 'slug' | 'name'> & { role: Role };

export interface NewNamespace {
  slug: string;
  name: string | null;
  metadata: JsonObject | null;
}

/** The value of a new revision; see the table. */
export const newRevision = sql`(random() * 2 ^ 53)::bigint`;

/** Fields that are absent stay as they are. */
export type NamespaceChanges = Partial<NewNamespace>;

/**
 * Makes the repository of namespaces; its statements are prepared once per connection.
 *
 * @param pages keeps finished pages of lists; none by default
 */
export function namespacesRepository(
  db: Database,
  resolveNamespace: ResolveNamespace,
  pages: PageCache = new PageCache(0),
) {
  const access = accessTo(db, byIdAndSlug);
  const writing = lockedAccess(db, byIdAndSlug, 'update');
  const mayOwn = accessAllows('owner');
  const total = spaceTotal(db);
  const always = sql`true`;
  const nextVersion = {
    version: sql`${namespaces.version} + 1`,
    updatedAt: sql`now()`,
    revision: newRevision,
  };

  const isOwn = and(eq(members.subject, param('subject')), isNull(namespaces.deletedAt));
  const ownPage = db.$with('page').as(
    db
      .select({
        id: namespaces.id,
        slug: namespaces.slug,
        name: namespaces.name,
        role: members.role,
        revision: namespaces.revision,
      })
      .from(members)
      .innerJoin(namespaces, eq(namespaces.id, members.namespaceId))
      .where(isOwn)
      .orderBy(asc(members.namespaceId))
      .limit(param('limit'))
      .offset(param('offset')),
  );
  const ownTotal = db.$with('total').as(
    db
      .select({ total: sql<number>`count(*)::int`.as('total') })
      .from(members)
      .innerJoin(namespaces, eq(namespaces.id, members.namespaceId))
      .where(isOwn),
  );
  // A namespace that is renamed changes the lists of all its members: theirs is no counter, but a digest of the page.
  const ownState = db.$with('state').as(
    db
      .select({
        total: ownTotal.total,
        revision: sql<string>`total || '-' || md5((
          select coalesce(string_agg(id || ' ' || role || ' ' || revision, ',' order by id), '')
          from ${ownPage}))`.as('list_revision'),
      })
      .from(ownTotal),
  );
  const listStatement = shared(
    db
      .with(ownPage, ownTotal, ownState)
      .select({
        total: ownState.total,
        revision: ownState.revision,
        item: { id: ownPage.id, slug: ownPage.slug, name: ownPage.name, role: ownPage.role },
      })
      .from(ownState)
      .leftJoin(ownPage, sql`${ownState.revision} is distinct from ${param('known')}`)
      .orderBy(asc(ownPage.id))
      .prepare('namespace_list'),
  );

  const walkStatement = shared(
    db
      .select({
        item: {
          id: namespaces.id,
          slug: namespaces.slug,
          name: namespaces.name,
          role: members.role,
        },
      })
      .from(members)
      .innerJoin(namespaces, eq(namespaces.id, members.namespaceId))
      .where(
        and(
          isOwn,
          sql`${members.namespaceId} > coalesce(${param('id')}, '00000000-0000-0000-0000-000000000000')::uuid`,
        ),
      )
      .orderBy(asc(members.namespaceId))
      .limit(param('limit'))
      .prepare('namespace_walk'),
  );
  const countStatement = shared(
    db.with(ownTotal).select().from(ownTotal).prepare('namespace_count'),
  );

  const created = db.$with('namespace').as(
    db
      .insert(namespaces)
      .values({
        id: param('id'),
        slug: param('slug'),
        name: param('name'),
        metadata: param('metadata'),
      })
      .returning(namespaceColumns),
  );
  const firstOwner = db.$with('first_owner', {}).as(sql`
    insert into ${members} (namespace_id, subject, role)
    select id, ${param('subject')}, 'owner' from ${created}`);
  const createStatement = db
    .with(created, firstOwner)
    .select()
    .from(created)
    .prepare('namespace_create');
  const onceCreated = onceByKey(db, always, namespaceColumns, recordOf(namespaceColumns));
  const createdOnce = db.$with('namespace', namespaceColumns).as(sql`
    insert into ${namespaces} (id, slug, name, metadata)
    select ${param('id')}::uuid, ${param('slug')}, ${param('name')},
      ${sql.param(param('metadata'), namespaces.metadata)}::jsonb
    from claim where free
    returning ${sql.join(
      Object.values(namespaceColumns).map((column) => sql.identifier(column.name)),
      sql`, `,
    )}`);
  const createOnceStatement = db
    .with(
      ...onceCreated.expressions,
      createdOnce,
      firstOwner,
      onceCreated.keep(sql`select to_jsonb(namespace) from namespace`),
    )
    .select()
    .from(sql`(select) as one`)
    .leftJoin(onceCreated.claim, always)
    .leftJoin(onceCreated.stored, always)
    .leftJoin(createdOnce, always)
    .prepare('namespace_create_once');

  const found = db.$with('namespace').as(
    db
      .select(namespaceColumns)
      .from(namespaces)
      .where(eq(namespaces.id, param('namespaceId'))),
  );
  const findStatement = shared(
    db
      .with(access, found, total)
      .select()
      .from(access)
      .leftJoin(found, always)
      .leftJoin(total, always)
      .prepare('namespace_find'),
  );

  const updated = db.$with('namespace').as(
    db
      .update(namespaces)
      .set({
        ...nextVersion,
        slug: sql`coalesce(${param('slug')}, ${namespaces.slug})`,
        name: sql`case when ${param('setName')}::boolean then ${param('name')}
          else ${namespaces.name} end`,
        metadata: sql`case when ${param('setMetadata')}::boolean
          then ${sql.param(param('metadata'), namespaces.metadata)}::jsonb
          else ${namespaces.metadata} end`,
      })
      .where(and(byIdAndSlug, mayOwn, hasVersion(namespaces)))
      .returning(namespaceColumns),
  );
  const updateStatement = db
    .with(...writing.expressions, updated, keepNamespaceSlug(db), total)
    .select()
    .from(writing.access)
    .leftJoin(updated, always)
    .leftJoin(total, always)
    .prepare('namespace_update');

  const deleted = db.$with('namespace').as(
    db
      .update(namespaces)
      .set({ ...nextVersion, deletedAt: sql`now()` })
      .where(and(byIdAndSlug, mayOwn, hasVersion(namespaces)))
      .returning({ id: namespaces.id, version: namespaces.version }),
  );
  const deleteStatement = db
    .with(...writing.expressions, deleted, dropNamespaceSlug(db))
    .select()
    .from(writing.access)
    .leftJoin(deleted, always)
    .prepare('namespace_delete');

  // What a restore of a slug is about, among the namespaces that this caller knows: the last that
  // was deleted, or else the one that is not.
  const known = (condition: SQL | undefined) =>
    db
      .select({ id: namespaces.id })
      .from(namespaces)
      .leftJoin(
        members,
        and(eq(members.namespaceId, namespaces.id), eq(members.subject, param('subject'))),
      )
      .where(
        and(
          eq(namespaces.slug, param('namespaceSlug')),
          or(isNotNull(members.role), sql`${param('adminRole')}::member_role is not null`),
          condition,
        ),
      )
      // The one that is expected, however many of the slug were deleted after it.
      .orderBy(desc(isNamed(namespaces)), desc(namespaces.deletedAt), desc(namespaces.id))
      .limit(1);
  const inOrder = [isNotNull(namespaces.deletedAt), isNull(namespaces.deletedAt)];
  const prepareTarget = (name: string, candidates: (SQL | undefined)[]) => {
    const ids = candidates.map((condition) => sql`(${known(condition)})`);
    const target = db
      .$with('target', { id: sql<string | null>`id`.as('id') })
      .as(sql`select coalesce(${sql.join(ids, sql`, `)}) as id`);
    return db.with(target).select().from(target).prepare(name);
  };
  const targetStatement = prepareTarget('namespace_restore_target', inOrder);
  // A repetition is about the one that the key was used for.
  const usedIn = inOrder.map((condition) => and(condition, wasUsedIn(namespaces.id)));
  const targetOnceStatement = prepareTarget('namespace_restore_target_once', [
    ...usedIn,
    ...inOrder,
  ]);

  // With its slug, because it may be renamed between the two statements.
  const isTarget = and(
    eq(namespaces.id, param('namespaceId')),
    eq(namespaces.slug, param('namespaceSlug')),
  );
  const target = lockedAccess(db, isTarget, 'update');
  const before = db.$with('before').as(
    db
      .select({ ...namespaceColumns, deletedAt: namespaces.deletedAt })
      .from(namespaces)
      .where(isTarget),
  );
  const restoreWhere = (allowed: SQL) =>
    db.$with('namespace').as(
      db
        .update(namespaces)
        .set({ ...nextVersion, deletedAt: sql`null` })
        .where(and(isTarget, isNotNull(namespaces.deletedAt), allowed, hasVersion(namespaces)))
        .returning(namespaceColumns),
    );
  const restored = restoreWhere(mayOwn);
  const restoreStatement = db
    .with(...target.expressions, before, restored, total)
    .select()
    .from(target.access)
    .leftJoin(before, always)
    .leftJoin(restored, always)
    .leftJoin(total, always)
    .prepare('namespace_restore');
  const onceRestored = onceByKey(
    db,
    mayOwn,
    { ...namespaceColumns, spaces: sql<number>`spaces`.as('spaces') },
    sql`${recordOf(namespaceColumns)}, spaces integer`,
  );
  const restoredOnce = restoreWhere(onceRestored.isClaimed);
  const restoreOnceStatement = db
    .with(
      ...target.expressions,
      ...onceRestored.expressions,
      before,
      restoredOnce,
      total,
      onceRestored.keep(sql`
        select answer || jsonb_build_object('spaces', total)
        from total, (
          select to_jsonb(namespace) from namespace
          union all select to_jsonb(before) from before
          where ${and(onceRestored.isClaimed, isNull(before.deletedAt), hasVersion(before))}
        ) as effect (answer)`),
    )
    .select()
    .from(target.access)
    .leftJoin(onceRestored.claim, always)
    .leftJoin(onceRestored.stored, always)
    .leftJoin(before, always)
    .leftJoin(restoredOnce, always)
    .leftJoin(total, always)
    .prepare('namespace_restore_once');

  async function find(principal: Principal, slug: string): Promise<Outcome<CountedNamespace>> {
    const result = await resolveNamespace(principal, slug, (scope) => repeat(findStatement, scope));
    return result && { role: result.role, value: counted(result.row) };
  }

  async function write(
    principal: Principal,
    namespaceSlug: string,
    changes: NamespaceChanges,
    expected: Expected,
  ): Promise<Outcome<CountedNamespace>> {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      run(updateStatement, {
        ...scope,
        ...versionParams(expected),
        slug: changes.slug ?? null,
        setName: changes.name !== undefined,
        name: changes.name ?? null,
        setMetadata: changes.metadata !== undefined,
        metadata: changes.metadata ?? null,
      }),
    );
    const written = result?.row.namespace;
    if (written && written.slug !== namespaceSlug) resolveNamespace.forget(namespaceSlug);
    return result && { role: result.role, value: counted(result.row) };
  }

  const resource = (principal: Principal, namespaceSlug: string) => ({
    needed: 'owner' as const,
    read: () => find(principal, namespaceSlug),
    write: (changes: NamespaceChanges, expected: Expected) =>
      write(principal, namespaceSlug, changes, expected),
  });

  return {
    /**
     * A page of the namespaces that the caller is a member of, in order of creation.
     *
     * @param render makes the body of the answer; called only where the page has changed
     */
    async list(
      { subject }: Principal,
      page: Page,
      render: (items: OwnNamespace[], total: number) => Buffer,
    ): Promise<CachedPage> {
      const lookup = pages.lookUp(JSON.stringify(['namespaces', subject, page]));
      const rows = await repeatAll(listStatement, { subject, ...page, known: lookup.known });
      const [state] = rows;
      if (!state) throw new Error('PostgreSQL counted namespaces and did not return how many');
      const items = rows.flatMap(({ item }) => item ?? []);
      return pages.settle(lookup, state, (total) => render(items, total));
    },

    /** The next part of a walk through the caller's own, oldest first. */
    async walk(
      { subject }: Principal,
      limit: number,
      after: Position | null,
    ): Promise<Part<OwnNamespace>> {
      const place = { subject, limit: limit + 1, id: after?.id ?? null };
      const [rows, counted] = await Promise.all([
        repeatAll(walkStatement, place),
        after ? null : repeat(countStatement, { subject }),
      ]);
      const total = after?.total ?? counted?.total ?? 0;
      const items = rows.map(({ item }) => item);
      const part = partOf(items, limit, total, ({ id }) => ({ key: '', id }));
      return { namespaceId: '', ...part };
    },

    /**
     * The caller becomes the first owner.
     *
     * @param key with it the namespace is created once, however often this is called
     * @throws `ServiceError` `slug_conflict` when another active namespace has the slug, and what
     *   `runOnce` throws
     */
    async create(
      { subject }: Principal,
      namespace: NewNamespace,
      key: IdempotencyKey | null,
    ): Promise<Answered<CountedNamespace>> {
      const values = { ...namespace, id: uuidv7(), subject };
      const row: { stored?: NamespaceRow | null; namespace: NamespaceRow | null } | undefined = key
        ? await runOnce(createOnceStatement, {
            ...values,
            ...key,
            namespaceId: NIL,
            operation: 'createNamespace',
          })
        : { namespace: (await run(createStatement, values)) ?? null };
      const created = row?.stored ?? row?.namespace;
      if (!created) throw new Error('PostgreSQL inserted a namespace and did not return it');
      return { ...created, spaces: 0, replayed: Boolean(row?.stored) };
    },

    find,

    /**
     * Writes the given fields and no others. Needs the role `owner`.
     *
     * @throws `ServiceError` `slug_conflict` when another active namespace has the slug,
     *   `precondition_failed` when the namespace has none of the versions expected
     */
    update(
      principal: Principal,
      namespaceSlug: string,
      changes: NamespaceChanges,
      expected: Expected,
    ): Promise<Outcome<CountedNamespace>> {
      return update(resource(principal, namespaceSlug), changes, expected);
    },

    /** As `update`, with metadata made from what is stored; see the repository of spaces. */
    merge(
      principal: Principal,
      namespaceSlug: string,
      changes: NamespaceChanges,
      metadata: (stored: JsonObject | null) => JsonObject | null,
      expected: Expected,
    ): Promise<Outcome<CountedNamespace>> {
      return merge(resource(principal, namespaceSlug), changes, metadata, expected);
    },

    /**
     * Soft; members and spaces stay for a restore. Needs the role `owner`. The value is the version
     * of the deleted namespace.
     *
     * @throws `ServiceError` `precondition_failed` when it has none of the versions expected
     */
    async remove(
      principal: Principal,
      namespaceSlug: string,
      expected: Expected,
    ): Promise<Outcome<Pick<NamespaceRow, 'id' | 'version'>>> {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        run(deleteStatement, { ...scope, ...versionParams(expected) }),
      );
      const outcome = result && { role: result.role, value: result.row.namespace };
      if (outcome?.value) resolveNamespace.forget(namespaceSlug);
      return expectWritten(outcome, 'owner', expected, () => find(principal, namespaceSlug));
    },

    /**
     * Brings back the last deleted of the caller's namespaces that had this slug; a namespace that is
     * not deleted stays as it is. Needs the role `owner`.
     *
     * @param key with it the namespace is restored once, however often this is called
     * @throws `ServiceError` `slug_conflict` when an active namespace has taken the slug meanwhile,
     *   `precondition_failed` when the namespace has none of the versions expected, and what
     *   `runOnce` throws
     */
    async restore(
      principal: Principal,
      slug: string,
      expected: Expected,
      key: IdempotencyKey | null,
    ): Promise<Outcome<Answered<CountedNamespace>>> {
      if (!isSlug(slug)) return null;
      const caller = { ...principalParams(principal), namespaceSlug: slug };
      const once = key && { ...key, operation: `restoreNamespace ${slug}` };
      const attempt = async (): Promise<Outcome<Answered<CountedNamespace>>> => {
        const target = await (once
          ? run(targetOnceStatement, { ...caller, ...once, ...versionParams(expected) })
          : run(targetStatement, { ...caller, ...versionParams(expected) }));
        // It may have another slug now, which the resolver says.
        if (!target?.id) {
          await resolveNamespace(principal, slug, () => Promise.resolve(undefined));
          return null;
        }
        const values = { ...caller, ...versionParams(expected), namespaceId: target.id, slug };
        const row: RestoreRow | undefined = await (once
          ? runOnce(restoreOnceStatement, { ...values, ...once })
          : run(restoreStatement, values));
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
      const outcome = await attempt();
      // To a restore that another one overtook, it was not active yet and not deleted any more.
      return outcome?.value === null && includesRole(outcome.role, 'owner') ? attempt() : outcome;
    },
  };
}

export type NamespacesRepository = ReturnType<typeof namespacesRepository>;

/** The row of a restore with or without a key. */
interface RestoreRow {
  access: { role: Role | null };
  stored?: CountedNamespace | null;
  before: (NamespaceRow & { deletedAt: Date | null }) | null;
  namespace: NamespaceRow | null;
  total: { total: number } | null;
}

function counted(row: {
  namespace: NamespaceRow | null;
  total: { total: number } | null;
}): CountedNamespace | null {
  return row.namespace && { ...row.namespace, spaces: row.total?.total ?? 0 };
}
