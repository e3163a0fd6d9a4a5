import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { members } from '../../db/schema/members.js';
import { namespaces } from '../../db/schema/namespaces.js';
import type { Role } from './principal.js';
import { param } from './statement.js';

/**
 * A common table expression `access` of at most one row, the caller's role in a namespace: null for
 * a stranger, and no row when the namespace does not exist. Every statement carries it, so that
 * authorization costs no round trip of its own.
 *
 * @param condition which namespace
 */
export function accessCte(db: Database, condition: SQL | undefined) {
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

/**
 * The namespace of the statement, `own.id`, as the first item of the `from` clause of an insertion: Citus then sends the
 * insertion to its shard, and else results of expressions to every worker. The table has an alias, for the same.
 *
 * @param source the other items, each after a comma
 */
export function fromOwnNamespace(source: SQL, condition: SQL): SQL {
  return sql`from ${namespaces} as own ${source} where own.id = ${param('namespaceId')} and ${condition}`;
}

/** The condition, by the snapshot of the statement, that the caller may know the namespace. */
const isKnownToCaller = sql`(${param('adminRole')}::member_role is not null or exists (
  select from ${members}
  where ${members.namespaceId} = ${param('namespaceId')} and ${members.subject} = ${param('subject')}))`;

/**
 * As `accessCte`, for a statement that writes. A statement that waits for a lock continues with the snapshot
 * it began with, so a role that it read there may be gone when it writes. Here the membership is locked and,
 * with the lock, read as committed: a concurrent change of it waits until this statement has written, or this
 * statement sees the change. The lock on the namespace does the same for its slug and its deletion.
 *
 * Every statement locks in one order: the namespace, members, the rows it writes.
 *
 * @param condition of the namespace; the parameter `namespaceId` is its id
 * @param strength `update` for a write of the namespace itself, which waits for the writes inside it
 * @returns the common table expressions, `access` last; a caller without access takes no lock. `isCurrent` is
 *   the condition that neither the namespace nor its members have changed between the snapshot and the lock
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
      .select({
        id: namespaces.id,
        role: role.as('caller_role'),
        isCurrent: sql<
          boolean | null
        >`(select revision from ${locked}) = ${namespaces.revision}`.as('is_current'),
      })
      .from(namespaces)
      .where(condition),
  );
  const isCurrent = sql<boolean | null>`(select is_current from access)`;
  return { access, locked, isCurrent, expressions: [locked, membership, access] as const };
}

/** @returns the condition, within a statement that carries `access`, that the role suffices */
export function hasRole(needed: Role): SQL {
  return sql`(select caller_role from access) >= ${sql.raw(`'${needed}'`)}`;
}

/** The condition of `access` for a namespace that the resolver found. */
export const activeNamespaceByIdAndSlug = and(
  eq(namespaces.id, param('namespaceId')),
  eq(namespaces.slug, param('namespaceSlug')),
  isNull(namespaces.deletedAt),
);
