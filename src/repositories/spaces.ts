import { and, asc, desc, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../db/client.js';
import type { JsonObject } from '../db/schema/columns.js';
import { spaceCounters } from '../db/schema/space-counters.js';
import { spaces } from '../db/schema/spaces.js';
import { isSlug } from '../slug.js';
import {
  accessAllows,
  accessTo,
  byIdAndSlug,
  includesRole,
  type Outcome,
  type Page,
  param,
  type Principal,
  read,
  type ResolveNamespace,
  run,
} from './access.js';

export type SpaceRow = Pick<typeof spaces.$inferSelect, keyof typeof spaceColumns>;

export type NamespacedSpace = SpaceRow & { namespaceId: string };

export interface NewSpace {
  name: string;
  slug: string;
  description: string | null;
  tags: string[];
  metadata: JsonObject | null;
}

/** Fields that are absent stay as they are. */
export type SpaceChanges = Partial<NewSpace>;

export interface SpacePage {
  /** the items as JSON text, joined by commas: what stands between the brackets of the list */
  items: string;
  total: number;
}

const spaceColumns = {
  id: spaces.id,
  name: spaces.name,
  slug: spaces.slug,
  description: spaces.description,
  tags: spaces.tags,
  metadata: spaces.metadata,
  version: spaces.version,
  createdAt: spaces.createdAt,
  updatedAt: spaces.updatedAt,
};

/** Enough rows that connections seldom wait for one another, few enough to add up on every list. */
const COUNTER_SLOTS = 16;

/** Up to this offset, skipping rows costs less than finding where to begin. */
const SHALLOW = 1_000;

/** Makes the repository of spaces; its statements are prepared once per connection. */
export function spacesRepository(db: Database, resolveNamespace: ResolveNamespace) {
  const access = accessTo(db, byIdAndSlug);
  const mayWrite = accessAllows('editor');
  const inNamespace = eq(spaces.namespaceId, param('namespaceId'));
  const isActive = isNull(spaces.deletedAt);
  const hasSlug = eq(spaces.slug, param('spaceSlug'));
  const always = sql`true`;
  const nextVersion = { version: sql`${spaces.version} + 1`, updatedAt: sql`now()` };

  const total = spaceTotal(db);
  /** @param start which of the active spaces, in their order, the page is taken from */
  const prepareList = (name: string, start: SQL | undefined, skip: SQL | undefined) => {
    const items = db
      .select({ id: spaces.id, item: spaces.item })
      .from(spaces)
      .where(and(inNamespace, isActive, start))
      .orderBy(asc(spaces.id))
      .limit(param('limit'));
    const page = db.$with('page', { items: sql<string | null>`items`.as('items') }).as(sql`
      select string_agg(item, ',' order by id) as items from (${items} ${skip}) as page_items`);
    return db
      .with(access, total, page)
      .select({ access: { role: access.role }, items: page.items, total: total.total })
      .from(access)
      .leftJoin(total, always)
      .leftJoin(page, always)
      .prepare(name);
  };
  const offset = sql`${param('offset')}::bigint`;
  const listStatement = prepareList('space_list', undefined, sql`offset ${offset}`);

  // A page far inside finds the id it begins with in the index alone, from the nearer end.
  const idAt = (order: SQL, position: SQL) =>
    sql`(select id from ${spaces} where ${and(inNamespace, isActive)}
      order by ${order} limit 1 offset ${position})`;
  const count = sql`(select total from total)`;
  const listDeepStatement = prepareList(
    'space_list_deep',
    sql`${spaces.id} >= case
      when ${offset} >= ${count} then null
      when ${offset} < ${count} / 2 then ${idAt(asc(spaces.id), offset)}
      else ${idAt(desc(spaces.id), sql`${count} - 1 - ${offset}`)} end`,
    undefined,
  );

  const found = db.$with('space').as(
    db
      .select(spaceColumns)
      .from(spaces)
      .where(and(inNamespace, hasSlug, isActive)),
  );
  const findStatement = db
    .with(access, found)
    .select()
    .from(access)
    .leftJoin(found, always)
    .prepare('space_find');

  const created = db.$with('space', spaceColumns).as(sql`
    insert into ${spaces} (namespace_id, id, name, slug, description, tags, metadata)
    select ${param('namespaceId')}::uuid, ${param('id')}::uuid, ${param('name')}, ${param('slug')},
      ${param('description')}, ${jsonParam('tags')}, ${jsonParam('metadata')}
    from access where ${mayWrite}
    returning ${sql.join(
      Object.values(spaceColumns).map((column) => sql.identifier(column.name)),
      sql`, `,
    )}`);
  const createStatement = db
    .with(access, created, countSpaces(db, 1))
    .select()
    .from(access)
    .leftJoin(created, always)
    .prepare('space_create');

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
      .where(
        and(
          inNamespace,
          hasSlug,
          isActive,
          mayWrite,
          sql`${spaces.id} = coalesce(${param('id')}, ${spaces.id})`,
          sql`${spaces.version} = coalesce(${param('version')}, ${spaces.version})`,
        ),
      )
      .returning(spaceColumns),
  );
  const updateStatement = db
    .with(access, updated)
    .select()
    .from(access)
    .leftJoin(updated, always)
    .prepare('space_update');

  const deleted = db.$with('space').as(
    db
      .update(spaces)
      .set({ ...nextVersion, deletedAt: sql`now()` })
      .where(and(inNamespace, hasSlug, isActive, mayWrite))
      .returning({ id: spaces.id }),
  );
  const deleteStatement = db
    .with(access, deleted, countSpaces(db, -1))
    .select()
    .from(access)
    .leftJoin(deleted, always)
    .prepare('space_delete');

  const lastDeleted = db
    .select({ id: spaces.id })
    .from(spaces)
    .where(and(inNamespace, hasSlug, isNotNull(spaces.deletedAt)))
    .orderBy(desc(spaces.deletedAt), desc(spaces.id))
    .limit(1);
  const restored = db.$with('space').as(
    db
      .update(spaces)
      .set({ ...nextVersion, deletedAt: sql`null` })
      .where(and(inNamespace, eq(spaces.id, lastDeleted), isNotNull(spaces.deletedAt), mayWrite))
      .returning(spaceColumns),
  );
  const notDeleted = db.$with('not_deleted').as(
    db
      .select(spaceColumns)
      .from(spaces)
      .where(and(inNamespace, hasSlug, isActive)),
  );
  const restoreStatement = db
    .with(access, restored, countSpaces(db, 1), notDeleted)
    .select()
    .from(access)
    .leftJoin(restored, always)
    .leftJoin(notDeleted, always)
    .prepare('space_restore');

  async function find(
    principal: Principal,
    namespaceSlug: string,
    spaceSlug: string,
  ): Promise<Outcome<NamespacedSpace>> {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      read(findStatement, { ...scope, spaceSlug: possibleSlug(spaceSlug) }),
    );
    return (
      result && {
        role: result.role,
        value: result.row.space && { ...result.row.space, namespaceId: result.namespaceId },
      }
    );
  }

  /** @param read only this space, while it still has this version, is written; null writes any */
  async function write(
    principal: Principal,
    namespaceSlug: string,
    spaceSlug: string,
    changes: SpaceChanges,
    read: Pick<SpaceRow, 'id' | 'version'> | null,
  ): Promise<Outcome<SpaceRow>> {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      run(updateStatement, {
        ...scope,
        spaceSlug: possibleSlug(spaceSlug),
        id: read?.id ?? null,
        version: read?.version ?? null,
        name: changes.name ?? null,
        slug: changes.slug ?? null,
        setDescription: changes.description !== undefined,
        description: changes.description ?? null,
        tags: changes.tags ?? null,
        setMetadata: changes.metadata !== undefined,
        metadata: changes.metadata ?? null,
      }),
    );
    return result && { role: result.role, value: result.row.space };
  }

  return {
    /** The active spaces of a namespace, in order of creation. */
    async list(
      principal: Principal,
      namespaceSlug: string,
      page: Page,
    ): Promise<Outcome<SpacePage>> {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        read(page.offset > SHALLOW ? listDeepStatement : listStatement, { ...scope, ...page }),
      );
      return (
        result && {
          role: result.role,
          value: { items: result.row.items ?? '', total: result.row.total },
        }
      );
    },

    find,

    /**
     * Needs the role `editor`.
     *
     * @throws `ServiceError` `slug_conflict` when an active space of the namespace has the slug
     */
    async create(
      principal: Principal,
      namespaceSlug: string,
      space: NewSpace,
    ): Promise<Outcome<SpaceRow>> {
      const id = uuidv7();
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        run(createStatement, { ...scope, ...space, id }),
      );
      return result && { role: result.role, value: result.row.space };
    },

    /**
     * Writes the given fields and no others. Needs the role `editor`.
     *
     * @throws `ServiceError` `slug_conflict` when another active space of the namespace has the slug
     */
    update(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
      changes: SpaceChanges,
    ): Promise<Outcome<SpaceRow>> {
      // Nothing to write must not count as a new version.
      if (Object.keys(changes).length === 0) return find(principal, namespaceSlug, spaceSlug);
      return write(principal, namespaceSlug, spaceSlug, changes, null);
    },

    /**
     * As `update`, with metadata made from what is stored. When another caller writes the space in
     * between, it is made anew, so neither loses the other's: every repetition is another's success.
     *
     * @param merge given the stored metadata, the metadata to store
     */
    async merge(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
      changes: SpaceChanges,
      merge: (stored: JsonObject | null) => JsonObject | null,
    ): Promise<Outcome<SpaceRow>> {
      for (;;) {
        const current = await find(principal, namespaceSlug, spaceSlug);
        if (!current?.value || !includesRole(current.role, 'editor')) return current;
        const merged = { ...changes, metadata: merge(current.value.metadata) };
        const outcome = await write(principal, namespaceSlug, spaceSlug, merged, current.value);
        if (!outcome || outcome.value) return outcome;
      }
    },

    /** Soft. Needs the role `editor`. The value is the id of the space. */
    async remove(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
    ): Promise<Outcome<{ id: string }>> {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        run(deleteStatement, { ...scope, spaceSlug: possibleSlug(spaceSlug) }),
      );
      return result && { role: result.role, value: result.row.space };
    },

    /**
     * Brings back the last deleted of the spaces that had this slug; a space that is not deleted
     * stays as it is. Needs the role `editor`.
     *
     * @throws `ServiceError` `slug_conflict` when an active space has taken the slug meanwhile
     */
    async restore(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
    ): Promise<Outcome<SpaceRow>> {
      const slug = possibleSlug(spaceSlug);
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        run(restoreStatement, { ...scope, spaceSlug: slug, slug }),
      );
      if (!result) return null;
      const space = result.row.space ?? result.row.not_deleted;
      // To a restore that another one overtook, the space was not active yet and not deleted any more.
      return space
        ? { role: result.role, value: space }
        : find(principal, namespaceSlug, spaceSlug);
    },
  };
}

export type SpacesRepository = ReturnType<typeof spacesRepository>;

/** How many active spaces the namespace has: a common table expression of one row. */
export function spaceTotal(db: Database) {
  return db.$with('total').as(
    db
      .select({ total: sql<number>`coalesce(sum(${spaceCounters.active}), 0)::int`.as('total') })
      .from(spaceCounters)
      .where(eq(spaceCounters.namespaceId, param('namespaceId'))),
  );
}

/** Counts the spaces that the common table expression `space` has just written. */
function countSpaces(db: Database, difference: 1 | -1) {
  return db.$with('counted', {}).as(sql`
    insert into ${spaceCounters} (namespace_id, slot, active)
    select ${param('namespaceId')}::uuid, pg_backend_pid() % ${sql.raw(String(COUNTER_SLOTS))},
      ${sql.raw(String(difference))}
    from space
    on conflict (namespace_id, slot)
    do update set active = ${spaceCounters}.active + excluded.active`);
}

function jsonParam(name: string) {
  return sql`${sql.param(param(name), spaces.metadata)}::jsonb`;
}

/** A slug of a path; one that cannot exist, and PostgreSQL may refuse, becomes one that finds nothing. */
function possibleSlug(slug: string): string {
  return isSlug(slug) ? slug : '';
}
