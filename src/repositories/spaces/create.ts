import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../db/client.js';
import { spaces, timeOfId } from '../../db/schema/spaces.js';
import { ServiceError, type Violation } from '../../errors.js';
import { accessAllows, accessTo, byIdAndSlug, lockedAccess } from '../access/guard.js';
import { type ResolveNamespace } from '../access/namespace-resolver.js';
import { includesRole, type Outcome, type Principal, type Role } from '../access/principal.js';
import { param, repeat, run } from '../access/statement.js';
import { type Contents, contentsOf } from '../contents/counters.js';
import {
  type Answered,
  type IdempotencyKey,
  onceByKey,
  recordOf,
  runOnce,
} from '../idempotency.js';
import {
  answered,
  jsonParam,
  type NewSpace,
  sentColumns,
  spaceColumns,
  type SpaceRow,
} from './columns.js';
import { countSpaces } from './counters.js';

/** A space as it was sent. */
export type CreatedSpace = Pick<SpaceRow, keyof typeof sentColumns>;

/** How often a batch is tried whose slugs were taken, but are not any more. */
const ATTEMPTS = 5;

/**
 * Makes the part of the repository of spaces that creates them.
 *
 * @param quota the most active spaces of a namespace, null for no bound
 */
export function spaceCreation(
  db: Database,
  resolveNamespace: ResolveNamespace,
  quota: number | null,
) {
  const access = accessTo(db, byIdAndSlug);
  const writing = lockedAccess(db, byIdAndSlug, 'key share');
  const mayWrite = accessAllows('editor');
  const inNamespace = eq(spaces.namespaceId, param('namespaceId'));
  const isActive = isNull(spaces.deletedAt);
  const always = sql`true`;

  /** The common table expression `space`. @param source the rows to be written */
  const insert = <Columns extends Record<string, PgColumn>>(
    columns: Columns,
    source: SQL,
    onConflict = sql``,
  ) =>
    db.$with('space', columns).as(sql`
      insert into ${spaces} (namespace_id, id, name, slug, description, tags, metadata, updated_at)
      select source.*, ${timeOfId('source.id')} from (${source}) as source ${onConflict}
      returning ${sql.join(
        Object.values(columns).map((column) => sql.identifier(column.name)),
        sql`, `,
      )}`);

  const one = (allowed: SQL) => sql`
    select ${param('namespaceId')}::uuid, ${param('id')}::uuid as id, ${param('name')}::text,
      ${param('slug')}::text, ${param('description')}::text, ${jsonParam('tags')}, ${jsonParam('metadata')}
    from access where ${allowed}`;
  const created = insert(spaceColumns, one(mayWrite));
  const createStatement = db
    .with(...writing.expressions, created, countSpaces(db, 1))
    .select()
    .from(writing.access)
    .leftJoin(created, always)
    .prepare('space_create');
  const once = onceByKey(db, mayWrite, spaceColumns, recordOf(spaceColumns));
  const createdOnce = insert(spaceColumns, one(once.isClaimed));
  const createOnceStatement = db
    .with(
      ...writing.expressions,
      ...once.expressions,
      createdOnce,
      countSpaces(db, 1),
      once.keep(sql`select to_jsonb(space) from space`),
    )
    .select()
    .from(writing.access)
    .leftJoin(once.claim, always)
    .leftJoin(once.stored, always)
    .leftJoin(createdOnce, always)
    .prepare('space_create_once');

  const ensured = insert(
    spaceColumns,
    one(mayWrite),
    sql`on conflict (namespace_id, slug) where deleted_at is null do nothing`,
  );
  const existing = db.$with('existing').as(
    db
      .select(spaceColumns)
      .from(spaces)
      .where(and(inNamespace, eq(spaces.slug, param('slug')), isActive)),
  );
  const ensureStatement = db
    .with(...writing.expressions, ensured, countSpaces(db, 1), existing)
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

  // In the order of their slugs, so that of two batches neither ever waits for the other to wait for it.
  const all = (allowed: SQL) => sql`
    select ${param('namespaceId')}::uuid, sent.*
    from access, jsonb_to_recordset(${jsonParam('spaces')}) as sent (${recordOf(sentColumns)})
    where ${allowed} order by sent.slug`;
  // UUIDv7s made one after another are in the order in which they were made.
  const batch = db
    .$with('batch', { spaces: sql<CreatedSpace[] | null>`spaces`.as('spaces') })
    .as(sql`select jsonb_agg(to_jsonb(space) order by id) as spaces from space`);
  const allCreated = insert(sentColumns, all(mayWrite));
  const createAllStatement = db
    .with(...writing.expressions, allCreated, countSpaces(db, 1), batch)
    .select()
    .from(writing.access)
    .leftJoin(batch, always)
    .prepare('space_create_all');
  const allOnce = onceByKey(
    db,
    mayWrite,
    // Another name than in the batch: Drizzle does not say of which it is.
    { spaces: sql<CreatedSpace[]>`kept_spaces`.as('kept_spaces') },
    sql`kept_spaces jsonb`,
  );
  const allCreatedOnce = insert(sentColumns, all(allOnce.isClaimed));
  const createAllOnceStatement = db
    .with(
      ...writing.expressions,
      ...allOnce.expressions,
      allCreatedOnce,
      countSpaces(db, 1),
      batch,
      allOnce.keep(
        sql`select jsonb_build_object('kept_spaces', spaces) from batch where spaces is not null`,
      ),
    )
    .select()
    .from(writing.access)
    .leftJoin(allOnce.claim, always)
    .leftJoin(allOnce.stored, always)
    .leftJoin(batch, always)
    .prepare('space_create_all_once');

  const isWanted = sql`${spaces.slug} = any(array(select jsonb_array_elements_text(${jsonParam('slugs')})))`;
  const taken = db.$with('taken', { slugs: sql<string[] | null>`slugs`.as('slugs') }).as(sql`
    select jsonb_agg(slug) as slugs from ${spaces}
    where ${and(inNamespace, isActive, isWanted, mayWrite)}`);
  const takenStatement = db
    .with(access, taken)
    .select()
    .from(access)
    .leftJoin(taken, always)
    .prepare('space_slugs_taken');

  async function takenSlugs(
    principal: Principal,
    namespaceSlug: string,
    slugs: string[],
  ): Promise<Set<string>> {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      repeat(takenStatement, { ...scope, slugs }),
    );
    return new Set(result?.row.taken?.slugs);
  }

  return {
    /**
     * Needs the role `editor`.
     *
     * @param key with it the space is created once, however often this is called
     * @throws `ServiceError` `slug_conflict` when an active space of the namespace has the slug, and
     *   what `runOnce` throws
     */
    async create(
      principal: Principal,
      namespaceSlug: string,
      space: NewSpace,
      key: IdempotencyKey | null,
    ): Promise<Outcome<Answered<SpaceRow>>> {
      const values = { ...space, id: uuidv7(), quota };
      const result = await resolveNamespace<CreateRow>(principal, namespaceSlug, (scope) =>
        key
          ? runOnce(createOnceStatement, { ...scope, ...values, ...key, operation: 'createSpace' })
          : run(createStatement, { ...scope, ...values }),
      );
      return result && { role: result.role, value: answered(result.row) };
    },

    /**
     * Creates a space, unless an active one has the slug; that one stays as it is. Needs the role
     * `editor`.
     *
     * @returns the space, and whether it is the new one
     */
    async ensure(
      principal: Principal,
      namespaceSlug: string,
      space: NewSpace,
    ): Promise<Outcome<SpaceRow & { created: boolean; contents: Contents }>> {
      const values = { ...space, id: uuidv7(), quota };
      for (;;) {
        const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
          repeat(ensureStatement, { ...scope, ...values }),
        );
        if (!result) return null;
        const { role, row } = result;
        const value = row.space ?? row.existing;
        // Without either, another was creating it when this statement began: it is there by now.
        if (value || !includesRole(role, 'editor')) {
          const isCreated = value?.id === values.id;
          const { contents } = row;
          return { role, value: value && { ...value, created: isCreated, contents } };
        }
      }
    },

    /**
     * Creates all of the spaces or none. Needs the role `editor`.
     *
     * @param batch the spaces, no two with one slug
     * @param key with it they are created once, however often this is called
     * @returns the spaces in the order they were given
     * @throws `ServiceError` `slug_conflict`, with the path of each slug that an active space of the
     *   namespace or another one of the batch has, and what `runOnce` throws
     */
    async createAll(
      principal: Principal,
      namespaceSlug: string,
      batch: NewSpace[],
      key: IdempotencyKey | null,
    ): Promise<Outcome<Answered<{ spaces: CreatedSpace[] }>>> {
      const values = { spaces: batch.map((space) => ({ ...space, id: uuidv7() })), quota };
      const attempt = () =>
        resolveNamespace<CreateAllRow>(principal, namespaceSlug, (scope) =>
          key
            ? runOnce(createAllOnceStatement, {
                ...scope,
                ...values,
                ...key,
                operation: 'createSpaces',
              })
            : run(createAllStatement, { ...scope, ...values }),
        );
      for (let attempts = 1; ; attempts += 1) {
        try {
          const result = await attempt();
          if (!result) return null;
          const { stored, batch: made } = result.row;
          const space = made?.spaces ? { spaces: made.spaces } : null;
          return { role: result.role, value: answered({ stored: stored ?? null, space }) };
        } catch (error) {
          if (!(error instanceof ServiceError) || error.code !== 'slug_conflict') throw error;
          const slugs = batch.map(({ slug }) => slug);
          const conflicts = conflictsOf(slugs, await takenSlugs(principal, namespaceSlug, slugs));
          if (conflicts.length > 0 || attempts === ATTEMPTS) throw slugsTaken(conflicts);
        }
      }
    },
  };
}

/** The row of a create with or without a key. */
interface CreateRow {
  access: { role: Role | null };
  stored?: SpaceRow | null;
  space: SpaceRow | null;
}

interface CreateAllRow {
  access: { role: Role | null };
  stored?: { spaces: CreatedSpace[] } | null;
  batch: { spaces: CreatedSpace[] | null } | null;
}

/** @returns what is wrong with the slugs of a batch, in its order */
function conflictsOf(slugs: string[], taken: Set<string>): Violation[] {
  return slugs.flatMap((slug, index) => {
    const path = `/spaces/${index}/slug`;
    if (taken.has(slug)) {
      return { path, code: 'taken', message: `"${slug}" is the slug of another space` };
    }
    return slugs.indexOf(slug) === slugs.lastIndexOf(slug)
      ? []
      : { path, code: 'repeated', message: `"${slug}" is the slug of another one of the batch` };
  });
}

function slugsTaken(violations: Violation[]): ServiceError {
  return new ServiceError(
    'slug_conflict',
    'Nothing was created: "errors" names the slugs that others have. Send another "slug" for each.',
    { violations },
  );
}
