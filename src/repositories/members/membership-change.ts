import { and, eq, or, type SQL, sql, type SQLWrapper } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { members } from '../../db/schema/members.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { accessCte, activeNamespaceByIdAndSlug } from '../access/guard.js';
import type { Role } from '../access/principal.js';
import { param } from '../access/statement.js';
import { newRevision } from '../revision.js';

/** The condition that a role allows the change: owners change every membership, and each member may leave. */
export const mayChange = (role: SQLWrapper) =>
  sql<boolean>`(${role} = 'owner' or (${role} is not null and ${param('subject')} = ${param('leaver')}))`;

/**
 * The common table expressions that precede every change of a member. A lock on the namespace serializes the
 * changes of its members, so that they never deadlock. The subsequent lock on the members reads their committed
 * rows, including the caller's own role.
 */
export function membershipChange(db: Database) {
  const access = accessCte(db, activeNamespaceByIdAndSlug);
  const seen = db.$with('seen').as(
    db
      .select({
        id: access.id,
        role: access.role,
        mayChange: mayChange(access.role).as('may_change'),
      })
      .from(access),
  );
  const turn = db.$with('turn').as(
    db
      .select({ id: namespaces.id })
      .from(namespaces)
      .where(and(activeNamespaceByIdAndSlug, sql`(select may_change from ${seen})`))
      .for('no key update'),
  );
  const affected = db.$with('affected').as(
    db
      .select({ subject: members.subject, role: members.role })
      .from(members)
      .where(
        and(
          eq(members.namespaceId, param('namespaceId')),
          sql`exists (select from ${turn})`,
          or(
            eq(members.role, 'owner'),
            eq(members.subject, param('subject')),
            eq(members.subject, param('member')),
          ),
        ),
      )
      .for('update'),
  );
  const guard = db.$with('guard').as(
    db
      .select({
        id: seen.id,
        role: sql<Role | null>`case when ${seen.mayChange}
          then case when exists (select from ${turn}) then coalesce(${param('adminRole')}::member_role,
            (select role from ${affected} where subject = ${param('subject')})) end
          else ${seen.role} end`.as('caller_role'),
        ownerRemains: sql<boolean>`exists (
          select from ${affected} where role = 'owner' and subject <> ${param('member')})`.as(
          'owner_remains',
        ),
      })
      .from(seen),
  );
  return { guard, expressions: [access, seen, turn, affected, guard] as const };
}

/**
 * The common table expression that replaces the revision of the namespace and counts its members. The statement
 * holds the lock on the namespace, so that no other one changes the count or deletes the namespace.
 *
 * @param changed the common table expression that wrote a member
 * @param difference added to the count of members
 * @param bound the new value of `members_max`
 */
export function reviseNamespace(db: Database, changed: SQLWrapper, difference: SQL, bound: SQL) {
  return db.$with('revised', {}).as(sql`
    update ${namespaces} set revision = ${newRevision}, members = members + ${difference}, members_max = ${bound}
    where id = ${param('namespaceId')} and exists (select from ${changed})`);
}
