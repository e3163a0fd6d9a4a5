import { and, asc, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import { NIL, v7 as uuidv7 } from 'uuid';
import type { Database } from '../../db/client.js';
import type { JsonObject } from '../../db/schema/columns.js';
import { members } from '../../db/schema/members.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { subjectCounters } from '../../db/schema/subject-counters.js';
import { ServiceError } from '../../errors.js';
import { isSlug } from '../../slug.js';
import { accessAllows, accessTo, byIdAndSlug, lockedAccess } from '../access/guard.js';
import { type ResolveNamespace } from '../access/namespace-resolver.js';
import {
  includesRole,
  type Outcome,
  type Principal,
  principalParams,
  type Role,
} from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { param, repeat, repeatAll, run } from '../access/statement.js';
import {
  type Answered,
  type IdempotencyKey,
  onceByKey,
  recordOf,
  runOnce,
  usedNamespaces,
} from '../idempotency.js';
import { type Part, partOf, type Position } from '../lists/cursor-page.js';
import { expectReadable, type Page, readable } from '../lists/numbered-pages.js';
import { type CachedPage, PageCache } from '../lists/page-cache.js';
import { noQuotas, type Quotas } from '../quotas.js';
import { spaceTotal } from '../spaces/counters.js';
import {
  type Expected,
  expectVersion,
  expectWritten,
  hasExpectedId,
  hasVersion,
  merge,
  update,
  versionParams,
} from '../version.js';
import { claimSlug, freeSlug } from './slugs.js';
import { countForMembers, countForSubjects } from './subject-counters.js';

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
 * How many of the last deleted namespaces of a slug, and how many of the last namespaces of the caller, a restore by
 * the slug looks at. One that lies behind both is restored by its entity tag.
 */
const RESTORE_CANDIDATES = 100;

/** What an operator sets for namespaces. */
export interface NamespaceSettings {
  /** for how many days a slug that was given up is held back for the owners of its last holder */
  slugHoldDays: number;
  quotas: Quotas;
}

export const namespaceDefaults: NamespaceSettings = { slugHoldDays: 30, quotas: noQuotas };

/**
 * Makes the repository of namespaces; its statements are prepared once per connection.
 *
 * @param pages keeps finished pages of lists; none by default
 */
export function namespacesRepository(
  db: Database,
  resolveNamespace: ResolveNamespace,
  pages: PageCache = new PageCache(0),
  { slugHoldDays, quotas }: NamespaceSettings = namespaceDefaults,
) {
  const quota = quotas.namespacesPerSubject;
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
      .select({ total: sql<number>`coalesce(sum(memberships), 0)::int`.as('total') })
      .from(subjectCounters)
      .where(eq(subjectCounters.subject, param('subject'))),
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
        createdBy: param('subject'),
      })
      .returning(namespaceColumns),
  );
  const slug = sql`${param('slug')}::text`;
  const claimNew = (condition: SQL) =>
    claimSlug(db, slug, sql`select ${param('id')}::uuid as id ${condition}`, slugHoldDays);
  const countNew = countForSubjects(
    db,
    sql`select ${param('subject')}::text as subject, 1 as memberships, 1 as created from namespace`,
  );
  const firstOwner = db.$with('first_owner', {}).as(sql`
    insert into ${members} (namespace_id, subject, role)
    select id, ${param('subject')}, 'owner' from ${created}`);
  const createStatement = db
    .with(...claimNew(sql``), created, firstOwner, countNew)
    .select()
    .from(created)
    .prepare('namespace_create');
  const onceCreated = onceByKey(db, always, namespaceColumns, recordOf(namespaceColumns));
  const createdOnce = db.$with('namespace', namespaceColumns).as(sql`
    insert into ${namespaces} (id, slug, name, metadata, created_by)
    select ${param('id')}::uuid, ${param('slug')}, ${param('name')},
      ${sql.param(param('metadata'), namespaces.metadata)}::jsonb, ${param('subject')}
    from claim where free
    returning ${sql.join(
      Object.values(namespaceColumns).map((column) => sql.identifier(column.name)),
      sql`, `,
    )}`);
  const createOnceStatement = db
    .with(
      ...onceCreated.expressions,
      ...claimNew(sql`from claim where free`),
      createdOnce,
      firstOwner,
      countNew,
      onceCreated.keep(sql`select to_jsonb(namespace) from namespace`),
    )
    .select({
      claim: { free: onceCreated.claim.free },
      stored: onceCreated.stored._.selectedFields,
      // Whoever was removed meanwhile is told of it no more than anybody else.
      mayRead: sql<boolean | null>`${param('adminRole')}::member_role is not null or exists (
        select from ${members} where namespace_id = ${onceCreated.stored.id} and subject = ${param('subject')})`,
      namespace: createdOnce._.selectedFields,
    })
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
  // The lock shows what the namespace is when it is written.
  const mayChange = sql`${mayOwn} and ${hasVersion(writing.locked)}`;
  const renamed = sql`select id from ${writing.locked}
    where ${mayChange} and ${slug} <> ${param('namespaceSlug')}`;
  const updateStatement = db
    .with(
      ...writing.expressions,
      ...claimSlug(db, slug, renamed, slugHoldDays),
      updated,
      freeSlug(db, sql`slug <> ${param('namespaceSlug')}`),
      total,
    )
    .select()
    .from(writing.access)
    .leftJoin(updated, always)
    .leftJoin(total, always)
    .prepare('namespace_update');

  const deleted = db.$with('namespace').as(
    db
      .update(namespaces)
      .set({ ...nextVersion, deletedAt: sql`now()` })
      // Its members are counted as the snapshot has them.
      .where(and(byIdAndSlug, mayOwn, hasVersion(namespaces), writing.isCurrent))
      .returning({
        id: namespaces.id,
        version: namespaces.version,
        createdBy: namespaces.createdBy,
      }),
  );
  const deleteStatement = db
    .with(...writing.expressions, deleted, freeSlug(db, always), countForMembers(db, -1))
    .select({
      access: { role: writing.access.role },
      isCurrent: writing.isCurrent,
      namespace: { id: deleted.id, version: deleted.version },
    })
    .from(writing.access)
    .leftJoin(deleted, always)
    .prepare('namespace_delete');

  // What a restore of a slug is about, among the namespaces that this caller knows: the one that is expected, however
  // many of the slug were deleted after it, or the last that was deleted, or else the one that is not. Looked for
  // from the side of the slug and from that of the caller, because either may have very many.
  // An `exists` may be turned around, into one that reads all of the caller's namespaces.
  const isKnown = sql`(${param('adminRole')}::member_role is not null or coalesce((
    select true from ${members} where namespace_id = n.id and subject = ${param('subject')}), false))`;
  const hadSlug = sql`n.slug = ${param('namespaceSlug')} and n.deleted_at is not null`;
  const candidates = sql.raw(String(RESTORE_CANDIDATES));
  const last = sql`order by n.deleted_at desc, n.id desc limit`;
  const expectedOne = sql`select n.id from ${namespaces} n
    where ${hasExpectedId(sql`n.id`)} and (${hadSlug}) is true and ${isKnown} limit 1`;
  const lastOfSlug = sql`
    select n.id from (select id, deleted_at from ${namespaces} n where ${hadSlug} ${last} ${candidates}) as n
    where ${isKnown} ${last} 1`;
  // By their ids alone, because the planner cannot know how many the slug leads to.
  const lastOfCaller = sql`
    select n.id from (
      select n.id, n.deleted_at from ${namespaces} n
      where n.id = any(array(
        select namespace_id from ${members} where subject = ${param('subject')}
        order by namespace_id desc limit ${candidates}))
      and (${hadSlug}) is true offset 0) as n
    ${last} 1`;
  const activeOne = sql`select n.id from ${namespaces} n
    where n.slug = ${param('namespaceSlug')} and n.deleted_at is null and ${isKnown}`;
  const prepareTarget = (name: string, repeated: SQL) => {
    const target = db.$with('target', {
      id: sql<string | null>`id`.as('id'),
      repeats: sql<boolean>`repeats`.as('repeats'),
    }).as(sql`
      select coalesce(repeated.id, (${expectedOne}), (${lastOfSlug}), (${lastOfCaller}), (${activeOne})) as id,
        repeated.id is not null as repeats
      from (select (${repeated}) as id) as repeated`);
    return db.with(target).select().from(target).prepare(name);
  };
  const targetStatement = prepareTarget('namespace_restore_target', sql`null::uuid`);
  // A repetition is about the one that the key was used for, which may have another slug now.
  const targetOnceStatement = prepareTarget(
    'namespace_restore_target_once',
    sql`select n.id from ${namespaces} n
      where n.id = any(array(${usedNamespaces})) and ${isKnown} order by n.id limit 1`,
  );

  // With its slug, because it may be renamed between the two statements.
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
            isNotNull(namespaces.deletedAt),
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
  const onceRestored = onceByKey(
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
     * @throws `ServiceError` `validation_failed` for a page too far inside the list
     */
    async list(
      { subject }: Principal,
      page: Page,
      render: (items: OwnNamespace[], total: number) => Buffer,
    ): Promise<CachedPage> {
      const lookup = pages.lookUp(JSON.stringify(['namespaces', subject, page]));
      const values = { subject, ...readable(page), known: lookup.known };
      const rows = await repeatAll(listStatement, values);
      const [state] = rows;
      if (!state) throw new Error('PostgreSQL counted namespaces and did not return how many');
      expectReadable(page, state.total);
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
      principal: Principal,
      namespace: NewNamespace,
      key: IdempotencyKey | null,
    ): Promise<Answered<CountedNamespace>> {
      const values = { ...namespace, ...principalParams(principal), id: uuidv7(), quota };
      const row: CreateRow | undefined = key
        ? await runOnce(createOnceStatement, {
            ...values,
            ...key,
            namespaceId: NIL,
            operation: 'createNamespace',
          })
        : { namespace: (await run(createStatement, values)) ?? null };
      if (row?.stored && row.mayRead !== true) {
        throw new ServiceError(
          'namespace_not_found',
          'This Idempotency-Key has created a namespace that you are no member of any more.',
        );
      }
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
        untilCurrent(() =>
          run(deleteStatement, { ...scope, ...versionParams(expected), quota: null }),
        ),
      );
      const outcome = result && { role: result.role, value: result.row.namespace };
      if (outcome?.value) resolveNamespace.forget(namespaceSlug);
      return expectWritten(outcome, 'owner', expected, () => find(principal, namespaceSlug));
    },

    /**
     * Brings back the last deleted of the caller's namespaces that had this slug; a namespace that is
     * not deleted stays as it is. Needs the role `owner`.
     *
     * @param newSlug another slug for it, because its own may have been taken; null to keep it
     * @param key with it the namespace is restored once, however often this is called
     * @throws `ServiceError` `slug_conflict` when another namespace has taken the slug meanwhile,
     *   `precondition_failed` when the namespace has none of the versions expected, `quota_exceeded`
     *   when whoever created it has no room for it, and what `runOnce` throws
     */
    async restore(
      principal: Principal,
      slug: string,
      newSlug: string | null,
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
            ? runOnce(restoreOnceStatement, { ...values, ...once })
            : run(restoreStatement, values),
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
      const outcome = await attempt();
      // To a restore that another one overtook, it was not active yet and not deleted any more.
      return outcome?.value === null && includesRole(outcome.role, 'owner') ? attempt() : outcome;
    },
  };
}

export type NamespacesRepository = ReturnType<typeof namespacesRepository>;

/** The row of a create with or without a key. */
interface CreateRow {
  stored?: NamespaceRow | null;
  mayRead?: boolean | null;
  namespace: NamespaceRow | null;
}

/** The row of a restore with or without a key. */
interface RestoreRow {
  access: { role: Role | null };
  isCurrent: boolean | null;
  stored?: CountedNamespace | null;
  before: (NamespaceRow & { deletedAt: Date | null }) | null;
  namespace: NamespaceRow | null;
  total: { total: number } | null;
}

/** Runs a statement anew that found the namespace changed since its snapshot: each time another one has succeeded. */
async function untilCurrent<Row extends { isCurrent: boolean | null }>(
  attempt: () => Promise<Row | undefined>,
): Promise<Row | undefined> {
  for (;;) {
    const row = await attempt();
    if (row?.isCurrent !== false) return row;
  }
}

function counted(row: {
  namespace: NamespaceRow | null;
  total: { total: number } | null;
}): CountedNamespace | null {
  return row.namespace && { ...row.namespace, spaces: row.total?.total ?? 0 };
}
