import { and, asc, desc, eq, isNotNull, isNull, or, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
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
  type Outcome,
  type Page,
  type PageOf,
  param,
  type Principal,
  principalParams,
  read,
  readAll,
  type ResolveNamespace,
  type Role,
  run,
  runAll,
} from './access.js';
import { spaceTotal } from './spaces.js';

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

/** Fields that are absent stay as they are. */
export type NamespaceChanges = Partial<NewNamespace>;

/** Makes the repository of namespaces; its statements are prepared once per connection. */
export function namespacesRepository(db: Database, resolveNamespace: ResolveNamespace) {
  const access = accessTo(db, byIdAndSlug);
  const mayOwn = accessAllows('owner');
  const total = spaceTotal(db);
  const always = sql`true`;
  const nextVersion = { version: sql`${namespaces.version} + 1`, updatedAt: sql`now()` };

  const isOwn = and(eq(members.subject, param('subject')), isNull(namespaces.deletedAt));
  const listStatement = db
    .select({
      id: namespaces.id,
      slug: namespaces.slug,
      name: namespaces.name,
      role: members.role,
    })
    .from(members)
    .innerJoin(namespaces, eq(namespaces.id, members.namespaceId))
    .where(isOwn)
    .orderBy(asc(members.namespaceId))
    .limit(param('limit'))
    .offset(param('offset'))
    .prepare('namespace_list');
  const countStatement = db
    .select({ total: sql<number>`count(*)::int` })
    .from(members)
    .innerJoin(namespaces, eq(namespaces.id, members.namespaceId))
    .where(isOwn)
    .prepare('namespace_count');

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

  const found = db.$with('namespace').as(
    db
      .select(namespaceColumns)
      .from(namespaces)
      .where(eq(namespaces.id, param('namespaceId'))),
  );
  const findStatement = db
    .with(access, found, total)
    .select()
    .from(access)
    .leftJoin(found, always)
    .leftJoin(total, always)
    .prepare('namespace_find');

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
      .where(
        and(
          byIdAndSlug,
          mayOwn,
          sql`${namespaces.version} = coalesce(${param('version')}, ${namespaces.version})`,
        ),
      )
      .returning(namespaceColumns),
  );
  const updateStatement = db
    .with(access, updated, total)
    .select()
    .from(access)
    .leftJoin(updated, always)
    .leftJoin(total, always)
    .prepare('namespace_update');

  const deleted = db.$with('namespace').as(
    db
      .update(namespaces)
      .set({ ...nextVersion, deletedAt: sql`now()` })
      .where(and(byIdAndSlug, mayOwn))
      .returning({ id: namespaces.id }),
  );
  const deleteStatement = db
    .with(access, deleted)
    .select()
    .from(access)
    .leftJoin(deleted, always)
    .prepare('namespace_delete');

  // The latest of the deleted namespaces with the slug that this caller knew.
  const lastDeleted = db
    .select({ id: namespaces.id })
    .from(namespaces)
    .leftJoin(
      members,
      and(eq(members.namespaceId, namespaces.id), eq(members.subject, param('subject'))),
    )
    .where(
      and(
        eq(namespaces.slug, param('namespaceSlug')),
        isNotNull(namespaces.deletedAt),
        or(isNotNull(members.role), sql`${param('adminRole')}::member_role is not null`),
      ),
    )
    .orderBy(desc(namespaces.deletedAt), desc(namespaces.id))
    .limit(1);
  const deletedAccess = accessTo(db, eq(namespaces.id, lastDeleted));
  const restored = db.$with('namespace').as(
    db
      .update(namespaces)
      .set({ ...nextVersion, deletedAt: sql`null` })
      .where(
        and(
          eq(namespaces.id, sql`(select id from access)`),
          isNotNull(namespaces.deletedAt),
          mayOwn,
        ),
      )
      .returning({ id: namespaces.id }),
  );
  const restoreStatement = db
    .with(deletedAccess, restored)
    .select()
    .from(deletedAccess)
    .leftJoin(restored, always)
    .prepare('namespace_restore');

  async function find(principal: Principal, slug: string): Promise<Outcome<CountedNamespace>> {
    const result = await resolveNamespace(principal, slug, (scope) => read(findStatement, scope));
    return result && { role: result.role, value: counted(result.row) };
  }

  /** @param version only a namespace that still has this version is written; null writes any */
  async function write(
    principal: Principal,
    namespaceSlug: string,
    changes: NamespaceChanges,
    version: number | null,
  ): Promise<Outcome<CountedNamespace>> {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      run(updateStatement, {
        ...scope,
        version,
        slug: changes.slug ?? null,
        setName: changes.name !== undefined,
        name: changes.name ?? null,
        setMetadata: changes.metadata !== undefined,
        metadata: changes.metadata ?? null,
      }),
    );
    return result && { role: result.role, value: counted(result.row) };
  }

  return {
    /** The namespaces that the caller is a member of, in order of creation. */
    async list(principal: Principal, page: Page): Promise<PageOf<OwnNamespace>> {
      const { subject } = principal;
      const [items, [count]] = await Promise.all([
        readAll(listStatement, { subject, ...page }),
        readAll(countStatement, { subject }),
      ]);
      return { items, total: count?.total ?? 0 };
    },

    /**
     * The caller becomes the first owner.
     *
     * @throws `ServiceError` `slug_conflict` when another active namespace has the slug
     */
    async create({ subject }: Principal, namespace: NewNamespace): Promise<CountedNamespace> {
      const [row] = await runAll(createStatement, { ...namespace, id: uuidv7(), subject });
      if (!row) throw new Error('PostgreSQL inserted a namespace and did not return it');
      return { ...row, spaces: 0 };
    },

    find,

    /**
     * Writes the given fields and no others. Needs the role `owner`.
     *
     * @throws `ServiceError` `slug_conflict` when another active namespace has the slug
     */
    update(
      principal: Principal,
      namespaceSlug: string,
      changes: NamespaceChanges,
    ): Promise<Outcome<CountedNamespace>> {
      // Nothing to write must not count as a new version.
      if (Object.keys(changes).length === 0) return find(principal, namespaceSlug);
      return write(principal, namespaceSlug, changes, null);
    },

    /** As `update`, with metadata made from what is stored; see the repository of spaces. */
    async merge(
      principal: Principal,
      namespaceSlug: string,
      changes: NamespaceChanges,
      merge: (stored: JsonObject | null) => JsonObject | null,
    ): Promise<Outcome<CountedNamespace>> {
      for (;;) {
        const current = await find(principal, namespaceSlug);
        if (!current?.value || !includesRole(current.role, 'owner')) return current;
        const { metadata, version } = current.value;
        const merged = { ...changes, metadata: merge(metadata) };
        const outcome = await write(principal, namespaceSlug, merged, version);
        if (!outcome || outcome.value) return outcome;
      }
    },

    /** Soft; members and spaces stay for a restore. Needs the role `owner`. */
    async remove(principal: Principal, namespaceSlug: string): Promise<Outcome<{ id: string }>> {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        run(deleteStatement, scope),
      );
      return result && { role: result.role, value: result.row.namespace };
    },

    /**
     * Brings back the last deleted of the caller's namespaces that had this slug; a namespace that is
     * not deleted stays as it is. Needs the role `owner`.
     *
     * @throws `ServiceError` `slug_conflict` when an active namespace has taken the slug meanwhile
     */
    async restore(principal: Principal, slug: string): Promise<Outcome<CountedNamespace>> {
      if (!isSlug(slug)) return null;
      const row = await run(restoreStatement, {
        ...principalParams(principal),
        namespaceSlug: slug,
        slug,
      });
      if (row?.access.role && !row.namespace) return { role: row.access.role, value: null };
      return find(principal, slug);
    },
  };
}

export type NamespacesRepository = ReturnType<typeof namespacesRepository>;

function counted(row: {
  namespace: NamespaceRow | null;
  total: { total: number } | null;
}): CountedNamespace | null {
  return row.namespace && { ...row.namespace, spaces: row.total?.total ?? 0 };
}
