import { and, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import type { Database } from '../../db/client.js';
import { translate, wasCutOff, wasRolledBack } from '../../db/errors.js';
import { memberRole, members } from '../../db/schema/members.js';
import { namespaceSlugs } from '../../db/schema/namespace-slugs.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { inSpan } from '../../db/tracing.js';
import { ServiceError } from '../../errors.js';
import { isSlug } from '../../slug.js';
import { shared } from './shared-reads.js';

export type Role = (typeof memberRole.enumValues)[number];

/** Who is asking. The first argument of everything that reads or writes a namespace. */
export interface Principal {
  /** the token's `sub` */
  readonly subject: string;
  /** a trusted service, which acts as owner of every namespace */
  readonly admin: boolean;
}

/**
 * What a namespace answers: null when there is none that this principal may know of, otherwise the
 * caller's role in it and the value, null when it was not found or the role did not allow it.
 */
export type Outcome<Value> = { readonly role: Role; readonly value: Value | null } | null;

/** Positional values are Drizzle's business; statements are written with these names. */
export const param = sql.placeholder;

/** @returns whether `role` includes what `needed` may do */
export function includesRole(role: Role, needed: Role): boolean {
  return memberRole.enumValues.indexOf(role) >= memberRole.enumValues.indexOf(needed);
}

/** The parameters by which a statement that carries `access` knows its caller. */
export function principalParams({ subject, admin }: Principal) {
  return { subject, adminRole: admin ? ('owner' as const) : null };
}

/**
 * A common table expression `access` of at most one row, the caller's role in a namespace: null for
 * a stranger, and no row when the namespace does not exist. Every statement carries it, so that
 * authorization costs no round trip of its own (contract §3).
 *
 * @param condition which namespace
 */
export function accessTo(db: Database, condition: SQL | undefined) {
  return db.$with('access').as(
    db
      .select({
        id: namespaces.id,
        role: sql<Role | null>`coalesce(${param('adminRole')}::member_role, ${members.role})`.as(
          'caller_role',
        ),
      })
      .from(namespaces)
      .leftJoin(
        members,
        and(eq(members.namespaceId, namespaces.id), eq(members.subject, param('subject'))),
      )
      .where(condition),
  );
}

/** The condition, by the snapshot of the statement, that the caller may know the namespace. */
const isKnownToCaller = sql`(${param('adminRole')}::member_role is not null or exists (
  select from ${members}
  where ${members.namespaceId} = ${param('namespaceId')} and ${members.subject} = ${param('subject')}))`;

/**
 * As `accessTo`, for a statement that writes. A statement that waits for a lock goes on with the snapshot
 * it began with, so a right that it read there may be gone when it writes. Here the membership is locked
 * and, with the lock, read as committed: whoever changes it waits until this statement has written, or this
 * statement sees the change. The lock on the namespace does the same for its slug and its deletion.
 *
 * Every statement locks in one order: the namespace, then members, then what it writes.
 *
 * @param condition which namespace; the parameter `namespaceId` is its id
 * @param strength `update` for a write of the namespace itself, which waits for the writes inside it
 * @returns the common table expressions, `access` last; a caller without access takes no lock. `isCurrent` is the
 *   condition that neither the namespace nor its members have changed between the snapshot and the lock
 */
export function lockedAccess(
  db: Database,
  condition: SQL | undefined,
  strength: 'key share' | 'update',
) {
  const locked = db
    .$with('locked')
    .as(
      db
        .select({ id: namespaces.id, version: namespaces.version, revision: namespaces.revision })
        .from(namespaces)
        .where(and(condition, isKnownToCaller))
        .for(strength),
    );
  const membership = db.$with('membership').as(
    db
      .select({ role: members.role })
      .from(members)
      .where(
        and(
          eq(members.namespaceId, param('namespaceId')),
          eq(members.subject, param('subject')),
          sql`exists (select from ${locked})`,
        ),
      )
      .for('share'),
  );
  const role = sql<Role | null>`case when exists (select from ${locked})
    then coalesce(${param('adminRole')}::member_role, (select ${membership.role} from ${membership})) end`;
  const access = db.$with('access').as(
    db
      .select({ id: namespaces.id, role: role.as('caller_role') })
      .from(namespaces)
      .where(condition),
  );
  const seen = db
    .select({ revision: namespaces.revision })
    .from(namespaces)
    .where(eq(namespaces.id, param('namespaceId')));
  const isCurrent = sql<boolean | null>`(select revision from ${locked}) = (${seen})`;
  return { access, locked, isCurrent, expressions: [locked, membership, access] as const };
}

/** @returns the condition, within a statement that carries `access`, that the role suffices */
export function accessAllows(needed: Role): SQL {
  return sql`(select caller_role from access) >= ${sql.raw(`'${needed}'`)}`;
}

/** A part of a list: how many come before it, and how many it holds at most. */
export interface Page {
  offset: number;
  limit: number;
}

/** A prepared statement of Drizzle. */
export interface Statement<Row> {
  getQuery(): { sql: string };
  execute(values: Record<string, unknown>): Promise<Row[]>;
}

/** Makes a statement of a query that is not worth to be prepared; costs a round trip more. */
export function unprepared<Row>(query: {
  toSQL(): { sql: string };
  execute(values: Record<string, unknown>): Promise<Row[]>;
}): Statement<Row> {
  return { getQuery: () => query.toSQL(), execute: (values) => query.execute(values) };
}

/**
 * The parameters of a statement. `slug`, where there is one, is the slug being written, `quota` the most that there may
 * be of what is being created.
 */
export type Values = Record<string, unknown> & { slug?: string | null; quota?: number | null };

/** How often a statement is tried that PostgreSQL takes back in favour of others. */
const ATTEMPTS = 5;

/**
 * Runs a prepared statement that may write.
 *
 * @throws `ServiceError` where the failure has a meaning, otherwise the driver's error
 */
export function runAll<Row>(statement: Statement<Row>, values: Values): Promise<Row[]> {
  return execute(statement, values, false);
}

/** As `runAll`, for a statement that answers at most one row. */
export async function run<Row>(
  statement: Statement<Row>,
  values: Values,
): Promise<Row | undefined> {
  return (await execute(statement, values, false))[0];
}

/**
 * As `runAll`, for a statement that may be run twice, because it only reads or because it has its
 * effect once: when it has lost its connection it is run once more.
 */
export function repeatAll<Row>(statement: Statement<Row>, values: Values): Promise<Row[]> {
  return execute(statement, values, true);
}

/** As `repeatAll`, for a statement that answers at most one row. */
export async function repeat<Row>(
  statement: Statement<Row>,
  values: Values,
): Promise<Row | undefined> {
  return (await execute(statement, values, true))[0];
}

async function execute<Row>(
  statement: Statement<Row>,
  values: Values,
  repeatable: boolean,
): Promise<Row[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inSpan(statement, () => statement.execute(values));
    } catch (error) {
      const again = wasRolledBack(error)
        ? attempt < ATTEMPTS
        : repeatable && attempt === 1 && wasCutOff(error);
      if (!again) throw translate(error, values);
    }
  }
}

/** The condition of `access` for a namespace that the resolver found. */
export const byIdAndSlug = and(
  eq(namespaces.id, param('namespaceId')),
  eq(namespaces.slug, param('namespaceSlug')),
  isNull(namespaces.deletedAt),
);

/** The condition of `access` for a namespace of which nothing but the slug is known. */
export const bySlug = and(
  eq(namespaces.slug, param('namespaceSlug')),
  isNull(namespaces.deletedAt),
);

/**
 * As `accessTo`, of the namespace that has the slug `namespaceSlug`, or had it last where none has. Both
 * are one statement: by one more, a stranger could tell that there was a namespace.
 */
export function accessBySlug(db: Database) {
  const holder = db.select({ id: namespaces.id }).from(namespaces).where(bySlug);
  const formerHolder = db
    .select({ id: namespaceSlugs.heldBy })
    .from(namespaceSlugs)
    .where(eq(namespaceSlugs.slug, param('namespaceSlug')));
  return accessTo(
    db,
    and(
      eq(namespaces.id, sql`coalesce((${holder}), (${formerHolder}))`),
      isNull(namespaces.deletedAt),
    ),
  );
}

/** How many slugs are remembered; some 200 bytes each. */
const REMEMBERED_SLUGS = 50_000;

/**
 * Finds the namespace that a statement is about.
 *
 * A statement for one namespace must bind its id, never join to it: the planner expects the average
 * namespace and fails the largest, and a distributed database cannot route it. So the id that a slug
 * last led to is remembered, and the statement itself checks, by `byIdAndSlug`, that it still does:
 * one round trip when the namespace is known, two when not, never a stale answer.
 *
 * @param remembered how many slugs at most
 */
export function namespaceResolver(db: Database, remembered = REMEMBERED_SLUGS) {
  const ids = new LRUCache<string, string>({ max: remembered });

  const access = accessBySlug(db);
  const lookup = shared(
    db
      .with(access)
      .select({ id: access.id, slug: namespaces.slug })
      .from(access)
      .innerJoin(namespaces, eq(namespaces.id, access.id))
      .where(isNotNull(access.role))
      .prepare('namespace_lookup'),
  );

  /**
   * @param query runs the statement and answers its row; undefined when the id no longer carries
   *   the slug
   * @returns the caller's role, the namespace's id and the row, or null when there is no such
   *   namespace for this caller
   * @throws `ServiceError` `namespace_not_found` with the present slug, when it has another one now
   */
  async function resolve<Row extends { access: { role: Role | null } }>(
    principal: Principal,
    slug: string,
    query: (scope: NamespaceScope) => Promise<Row | undefined>,
  ): Promise<{ role: Role; namespaceId: string; row: Row } | null> {
    if (!isSlug(slug)) return null;
    const caller = { ...principalParams(principal), namespaceSlug: slug };

    let namespaceId = ids.get(slug);
    let row = namespaceId === undefined ? undefined : await query({ ...caller, namespaceId });
    if (!row) {
      const found = await repeat(lookup, caller);
      if (found?.slug !== slug) {
        ids.delete(slug);
        if (found) throw renamed('namespace', found.slug);
        return null;
      }
      namespaceId = found.id;
      ids.set(slug, namespaceId);
      row = await query({ ...caller, namespaceId });
    }
    const role = row?.access.role;
    return row && role && namespaceId !== undefined ? { role, namespaceId, row } : null;
  }

  /**
   * To be called when a namespace has given up its slug. It would be noticed, but at the cost of a
   * statement, by which the next stranger could tell that there was one.
   */
  function forget(slug: string): void {
    ids.delete(slug);
  }

  return Object.assign(resolve, {
    forget,
    /** @returns the id that a slug last led to */
    recall: (slug: string) => ids.get(slug),
    remember: (slug: string, namespaceId: string) => {
      ids.set(slug, namespaceId);
    },
  });
}

export type ResolveNamespace = ReturnType<typeof namespaceResolver>;

/** @returns the problem of a caller who asked by a slug that was given up for the present one */
export function renamed(what: 'namespace' | 'space', presentSlug: string): ServiceError {
  return new ServiceError(
    `${what}_not_found`,
    `The ${what} that had this slug has the slug "${presentSlug}" now. Send that.`,
    { presentSlug },
  );
}

/** The parameters by which a statement names its namespace and its caller. */
export type NamespaceScope = ReturnType<typeof principalParams> & {
  namespaceSlug: string;
  namespaceId: string;
};
