import { and, asc, eq, isNotNull, or, type SQLWrapper, sql } from 'drizzle-orm';
import type { Database } from '../db/client.js';
import { ServiceError } from '../errors.js';
import { members } from '../db/schema/members.js';
import { namespaces } from '../db/schema/namespaces.js';
import {
  accessTo,
  byIdAndSlug,
  includesRole,
  type Outcome,
  type Page,
  type PageOf,
  param,
  type Principal,
  repeatAll,
  type ResolveNamespace,
  type Role,
  run,
} from './access.js';

const memberColumns = {
  subject: members.subject,
  role: members.role,
  createdAt: members.createdAt,
  updatedAt: members.updatedAt,
};

/** The condition that a role allows the change: owners change every membership, and each member may leave. */
const mayChange = (role: SQLWrapper) =>
  sql<boolean>`(${role} = 'owner' or (${role} is not null and ${param('subject')} = ${param('leaver')}))`;

export type MemberRow = Pick<typeof members.$inferSelect, keyof typeof memberColumns>;

/** Makes the repository of members; its statements are prepared once per connection. */
export function membersRepository(db: Database, resolveNamespace: ResolveNamespace) {
  const access = accessTo(db, byIdAndSlug);
  const always = sql`true`;
  const inNamespace = eq(members.namespaceId, param('namespaceId'));
  const isMember = eq(members.subject, param('member'));

  const pageRows = db
    .$with('page')
    .as(
      db
        .select(memberColumns)
        .from(members)
        .where(inNamespace)
        .orderBy(asc(members.createdAt), asc(members.subject))
        .limit(param('limit'))
        .offset(param('offset')),
    );
  const total = db.$with('total').as(
    db
      .select({ total: sql<number>`count(*)::int`.as('total') })
      .from(members)
      .where(inNamespace),
  );
  const listStatement = db
    .with(access, pageRows, total)
    .select()
    .from(access)
    .leftJoin(total, always)
    .leftJoin(pageRows, isNotNull(access.role))
    .orderBy(asc(pageRows.createdAt), asc(pageRows.subject))
    .prepare('member_list');

  // Changes of the members of a namespace take turns by a lock on it, so that none deadlocks with another.
  // The lock on the members then reads them as the turn before left them, the caller's own right included.
  const seen = db.$with('seen').as(
    db
      .select({ id: access.id, role: access.role, mayChange: mayChange(access.role).as('may_change') })
      .from(access),
  );
  const turn = db.$with('turn').as(
    db
      .select({ id: namespaces.id })
      .from(namespaces)
      .where(and(byIdAndSlug, sql`(select may_change from ${seen})`))
      .for('no key update'),
  );
  const affected = db.$with('affected').as(
    db
      .select({ subject: members.subject, role: members.role })
      .from(members)
      .where(
        and(
          eq(members.namespaceId, sql`(select id from ${turn})`),
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
  const changing = [access, seen, turn, affected, guard] as const;
  const ownerRemains = sql`(select owner_remains from guard)`;
  const callerRole = sql`(select caller_role from guard)`;

  const put = db.$with('member', { ...memberColumns, created: sql<boolean>`created`.as('created') })
    .as(sql`
      insert into ${members} as current (namespace_id, subject, role)
      select ${param('namespaceId')}::uuid, ${param('member')}, ${param('role')}::member_role
      from guard
      where caller_role = 'owner' and (${param('role')}::member_role = 'owner' or owner_remains)
      on conflict (namespace_id, subject) do update set role = excluded.role,
        updated_at = case when current.role = excluded.role then current.updated_at else now() end
      returning subject, role, created_at, updated_at, xmax = 0 as created`);
  const putStatement = db
    .with(...changing, put)
    .select({ access: { role: guard.role }, member: put._.selectedFields })
    .from(guard)
    .leftJoin(put, always)
    .prepare('member_put');

  const removed = db.$with('removed').as(
    db
      .delete(members)
      .where(and(inNamespace, isMember, mayChange(callerRole), ownerRemains))
      .returning({ subject: members.subject }),
  );
  const removeStatement = db
    .with(...changing, removed)
    .select({
      access: { role: guard.role },
      ownerRemains: guard.ownerRemains,
      removed: { subject: removed.subject },
    })
    .from(guard)
    .leftJoin(removed, always)
    .prepare('member_remove');

  return {
    /** The members of a namespace, in the order they joined. */
    async list(
      principal: Principal,
      namespaceSlug: string,
      page: Page,
    ): Promise<Outcome<PageOf<MemberRow>>> {
      const result = await resolveNamespace(principal, namespaceSlug, async (scope) => {
        const rows = await repeatAll(listStatement, { ...scope, ...page });
        const [first] = rows;
        return first && { ...first, items: rows.flatMap((row) => row.page ?? []) };
      });
      return (
        result && {
          role: result.role,
          value: { items: result.row.items, total: result.row.total?.total ?? 0 },
        }
      );
    },

    /**
     * Adds a member or changes a member's role. Needs the role `owner`.
     *
     * @throws `ServiceError` `last_owner` when that would leave the namespace without an owner
     */
    async put(
      principal: Principal,
      namespaceSlug: string,
      member: string,
      role: Role,
    ): Promise<Outcome<MemberRow & { created: boolean }>> {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        run(putStatement, { ...scope, member, role, leaver: null }),
      );
      if (!result) return null;
      if (!result.row.member && includesRole(result.role, 'owner')) throw lastOwner(member);
      return { role: result.role, value: result.row.member };
    },

    /**
     * Needs the role `owner`, or none to leave. The value is null when there is no such member.
     *
     * @throws `ServiceError` `last_owner` when that would leave the namespace without an owner
     */
    async remove(
      principal: Principal,
      namespaceSlug: string,
      member: string,
    ): Promise<Outcome<{ subject: string }>> {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        run(removeStatement, { ...scope, member, leaver: member }),
      );
      if (!result) return null;
      const { role, row } = result;
      if (!row.ownerRemains && includesRole(role, 'owner')) throw lastOwner(member);
      return { role, value: row.removed };
    },
  };
}

export type MembersRepository = ReturnType<typeof membersRepository>;

function lastOwner(member: string): ServiceError {
  return new ServiceError(
    'last_owner',
    `"${member}" is the last owner of this namespace. Make another member owner first.`,
  );
}
