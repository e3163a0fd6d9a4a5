import { sql } from 'drizzle-orm';
import { members } from '../../db/schema/members.js';
import { fromOwnNamespace } from '../access/guard.js';
import { type AccessResult, includesRole, type Principal, type Role } from '../access/principal.js';
import { executeOne, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { countForSubjects } from '../namespaces/subject-counters.js';
import { lastOwner, memberColumns, type MemberRow } from './columns.js';
import { membershipChange, reviseNamespace } from './membership-change.js';

/** Prepares the statement that adds a member or changes a member's role. */
export function putMember({ db, resolveNamespace, quotas }: RepositoryContext) {
  const { guard, expressions } = membershipChange(db);
  const always = sql`true`;
  const put = db.$with('member', { ...memberColumns, created: sql<boolean>`created`.as('created') })
    .as(sql`
      insert into ${members} as current (namespace_id, subject, role)
      select own.id, ${param('member')}::text, ${param('role')}::member_role
      ${fromOwnNamespace(
        sql`, guard`,
        sql`caller_role = 'owner' and (${param('role')}::member_role = 'owner' or owner_remains)`,
      )}
      on conflict (namespace_id, subject) do update set role = excluded.role,
        updated_at = case when current.role = excluded.role then current.updated_at else excluded.updated_at end
      returning current.subject, current.role, current.created_at, current.updated_at, current.xmax = 0 as created`);
  const isCreated = sql`(select created from ${put})`;
  const growth = sql`${isCreated}::int`;
  const bound = sql`case when ${isCreated} then ${param('quota')}::int else members_max end`;
  const joined = sql`
    select subject, 1 as memberships, 0 as created from ${put} where created`;
  const statement = db
    .with(
      ...expressions,
      put,
      reviseNamespace(db, put, growth, bound),
      countForSubjects(db, joined),
    )
    .select({ access: { role: guard.role }, member: put._.selectedFields })
    .from(guard)
    .leftJoin(put, always)
    .prepare('member_put');

  /**
   * Needs the role `owner`.
   *
   * @throws `Failure` `last_owner` when that would leave the namespace without an owner, `quota_exceeded` when
   *   the namespace has reached its quota of members
   */
  return async (
    principal: Principal,
    namespaceSlug: string,
    member: string,
    role: Role,
  ): Promise<AccessResult<MemberRow & { created: boolean }>> => {
    const quota = quotas.membersPerNamespace;
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      executeOne(statement, { ...scope, member, role, leaver: null, quota }),
    );
    if (!result) return null;
    if (!result.row.member && includesRole(result.role, 'owner')) throw lastOwner(member);
    return { role: result.role, value: result.row.member };
  };
}
