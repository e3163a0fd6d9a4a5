import { and, eq, sql } from 'drizzle-orm';
import { members } from '../../db/schema/members.js';
import { type AccessResult, includesRole, type Principal } from '../access/principal.js';
import { executeOne, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { countForSubjects } from '../namespaces/subject-counters.js';
import { inNamespace, lastOwner } from './columns.js';
import { mayChange, membershipChange, reviseNamespace } from './membership-change.js';

/** Prepares the statement that removes a member. */
export function deleteMember({ db, resolveNamespace }: RepositoryContext) {
  const { guard, expressions } = membershipChange(db);
  const isMember = eq(members.subject, param('member'));
  const ownerRemains = sql`(select owner_remains from guard)`;
  const callerRole = sql`(select caller_role from guard)`;
  const removed = db.$with('removed').as(
    db
      .delete(members)
      .where(and(inNamespace, isMember, mayChange(callerRole), ownerRemains))
      .returning({ subject: members.subject }),
  );
  const counted = sql`
    select subject, -1 as memberships, 0 as created from ${removed}`;
  const statement = db
    .with(
      ...expressions,
      removed,
      reviseNamespace(db, removed, sql`-1`, sql`members_max`),
      countForSubjects(db, counted),
    )
    .select({
      access: { role: guard.role },
      ownerRemains: guard.ownerRemains,
      removed: { subject: removed.subject },
    })
    .from(guard)
    .leftJoin(removed, sql`true`)
    .prepare('member_remove');

  /**
   * Needs the role `owner`, or none to leave.
   *
   * @returns the value is null if there is no such member
   * @throws `Failure` `last_owner` when that would leave the namespace without an owner
   */
  return async (
    principal: Principal,
    namespaceSlug: string,
    member: string,
  ): Promise<AccessResult<{ subject: string }>> => {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      executeOne(statement, { ...scope, member, leaver: member, quota: null }),
    );
    if (!result) return null;
    const { role, row } = result;
    if (!row.ownerRemains && includesRole(role, 'owner')) throw lastOwner(member);
    return { role, value: row.removed };
  };
}
