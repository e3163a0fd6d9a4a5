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
 * The common table expressions that precede every change of a member. Changes of the members of a namespace take
 * turns by a lock on it, so that none deadlocks with another. The lock on the members then reads them as the
 * turn before left them, the caller's own role included.
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
 * The common table expression that gives the namespace a new revision and counts its members. The lock of the
 * turn is held: no other statement changes the count, or deletes the namespace, meanwhile.
 *
 * @param changed the common table expression that wrote a member
 * @param difference added to the count of members
 * @param bound the most members from now on
 */
export function reviseNamespace(db: Database, changed: SQLWrapper, difference: SQL, bound: SQL) {
  return db.$with('revised', {}).as(sql`
    update ${namespaces} set revision = ${newRevision}, members = members + ${difference}, members_max = ${bound}
    where id = ${param('namespaceId')} and exists (select from ${changed})`);
}
