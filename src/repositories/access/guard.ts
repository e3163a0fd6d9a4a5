import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { members } from '../../db/schema/members.js';
import { namespaces } from '../../db/schema/namespaces.js';
import type { Role } from './principal.js';
import { param } from './statement.js';

/**
 * The common table expression `access` with the caller's role in a namespace: null for a caller who is not a
 * member, no row if the namespace does not exist. Every statement contains it, so that authorization needs no
 * separate round trip.
 *
 * @param condition selects the namespace
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
 * The `from` clause of an insert, beginning with the namespace as `own`, so that Citus sends the insert to its
 * shard. Otherwise Citus sends the results of expressions to every worker. The target table of such an insert
 * needs an alias for the same reason.
 *
 * @param source the other items of the clause, with their leading commas or joins
 */
export function fromOwnNamespace(source: SQL, condition: SQL): SQL {
  return sql`from ${namespaces} as own ${source} where own.id = ${param('namespaceId')} and ${condition}`;
}

/** The condition that the caller may see the namespace, by the snapshot of the statement. */
const isKnownToCaller = sql`(${param('adminRole')}::member_role is not null or exists (
  select from ${members}
  where ${members.namespaceId} = ${param('namespaceId')} and ${members.subject} = ${param('subject')}))`;

/**
 * As `accessCte`, for a statement that writes. A statement that waits for a lock continues with its old
 * snapshot, so that a role it read there may be outdated when it writes. Therefore the membership is read with
 * a lock, which returns the committed row: a concurrent change either waits until this statement has written,
 * or is visible to it. The lock on the namespace does the same for its slug and its deletion.
 *
 * Every statement acquires locks in the same order: the namespace, members, the rows it writes.
 *
 * @param condition selects the namespace; its id is the parameter `namespaceId`
 * @param strength `update` for a write of the namespace itself, which waits for writes inside it
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

/** @returns the condition that the role in `access` includes the needed one */
export function hasRole(needed: Role): SQL {
  return sql`(select caller_role from access) >= ${sql.raw(`'${needed}'`)}`;
}

/** The condition for `access` of a namespace that the resolver found. */
export const activeNamespaceByIdAndSlug = and(
  eq(namespaces.id, param('namespaceId')),
  eq(namespaces.slug, param('namespaceSlug')),
  isNull(namespaces.deletedAt),
);
