import { and, asc, eq, isNotNull, or, type SQL, sql, type SQLWrapper } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { members } from '../../db/schema/members.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { ServiceError } from '../../errors.js';
import { accessTo, byIdAndSlug } from '../access/guard.js';
import { type ResolveNamespace } from '../access/namespace-resolver.js';
import { includesRole, type Outcome, type Principal, type Role } from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { param, repeatAll, run } from '../access/statement.js';
import { type Part, partOf, type Position } from '../lists/cursor-page.js';
import { expectReadable, type Page, readable } from '../lists/numbered-pages.js';
import { type CachedPage, PageCache } from '../lists/page-cache.js';
import { newRevision } from '../namespaces/index.js';
import { countForSubjects } from '../namespaces/subject-counters.js';
import { noQuotas } from '../quotas.js';

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

/**
 * Makes the repository of members; its statements are prepared once per connection.
 *
 * @param pages keeps finished pages of lists; none by default
 * @param quota the most members of a namespace, null for no bound
 */
export function membersRepository(
  db: Database,
  resolveNamespace: ResolveNamespace,
  pages: PageCache = new PageCache(0),
  quota: number | null = noQuotas.membersPerNamespace,
) {
  const access = accessTo(db, byIdAndSlug);
  const always = sql`true`;
  const inNamespace = eq(members.namespaceId, param('namespaceId'));
  const isMember = eq(members.subject, param('member'));

  // A change of a member gives the namespace a new revision, and so does a write of the namespace itself.
  const state = db.$with('state').as(
    db
      .select({
        revision: sql<string>`${namespaces.revision}::text`.as('revision'),
        total: namespaces.members,
      })
      .from(namespaces)
      .where(eq(namespaces.id, param('namespaceId'))),
  );
  const isChanged = sql`(select revision from ${state}) is distinct from ${param('known')}`;
  const pageRows = db
    .$with('page')
    .as(
      db
        .select(memberColumns)
        .from(members)
        .where(and(inNamespace, isChanged))
        .orderBy(asc(members.createdAt), asc(members.subject))
        .limit(param('limit'))
        .offset(param('offset')),
    );
  const listStatement = shared(
    db
      .with(access, state, pageRows)
      .select()
      .from(access)
      .innerJoin(state, always)
      .leftJoin(pageRows, isNotNull(access.role))
      .orderBy(asc(pageRows.createdAt), asc(pageRows.subject))
      .prepare('member_list'),
  );

  const walkRows = db.$with('page').as(
    db
      .select(memberColumns)
      .from(members)
      .where(
        and(
          inNamespace,
          sql`(${members.createdAt}, ${members.subject}) >
            (coalesce(${param('key')}::timestamptz, '-infinity'), coalesce(${param('id')}, ''))`,
        ),
      )
      .orderBy(asc(members.createdAt), asc(members.subject))
      .limit(param('limit')),
  );
  const walkStatement = shared(
    db
      .with(access, state, walkRows)
      .select()
      .from(access)
      .innerJoin(state, always)
      .leftJoin(walkRows, isNotNull(access.role))
      .orderBy(asc(walkRows.createdAt), asc(walkRows.subject))
      .prepare('member_walk'),
  );

  // Changes of the members of a namespace take turns by a lock on it, so that none deadlocks with another.
  // The lock on the members then reads them as the turn before left them, the caller's own right included.
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
  // The lock of the turn is held: nobody else changes the number of members, or deletes the namespace meanwhile.
  const revise = (changed: SQLWrapper, difference: SQL, bound: SQL) =>
    db.$with('revised', {}).as(sql`
      update ${namespaces} set revision = ${newRevision}, members = members + ${difference}, members_max = ${bound}
      where id = ${param('namespaceId')} and exists (select from ${changed})`);
  const isCreated = sql`(select created from ${put})`;
  const growth = sql`${isCreated}::int`;
  const bound = sql`case when ${isCreated} then ${param('quota')}::int else members_max end`;
  const joined = sql`
    select subject, 1 as memberships, 0 as created from ${put} where created`;
  const left = (removed: SQLWrapper) => sql`
    select subject, -1 as memberships, 0 as created from ${removed}`;
  const putStatement = db
    .with(...changing, put, revise(put, growth, bound), countForSubjects(db, joined))
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
    .with(
      ...changing,
      removed,
      revise(removed, sql`-1`, sql`members_max`),
      countForSubjects(db, left(removed)),
    )
    .select({
      access: { role: guard.role },
      ownerRemains: guard.ownerRemains,
      removed: { subject: removed.subject },
    })
    .from(guard)
    .leftJoin(removed, always)
    .prepare('member_remove');

  return {
    /**
     * A page of the members of a namespace, in the order they joined.
     *
     * @param render makes the body of the answer; called only where the page has changed
     * @throws `ServiceError` `validation_failed` for a page too far inside the list
     */
    async list(
      principal: Principal,
      namespaceSlug: string,
      page: Page,
      render: (items: MemberRow[], total: number) => Buffer,
    ): Promise<Outcome<CachedPage>> {
      const name = JSON.stringify(['members', page]);
      const result = await resolveNamespace(principal, namespaceSlug, async (scope) => {
        const lookup = pages.lookUp(`${scope.namespaceId} ${name}`);
        const values = { ...scope, ...readable(page), known: lookup.known };
        const rows = await repeatAll(listStatement, values);
        const [first] = rows;
        return first && { ...first, lookup, items: rows.flatMap((row) => row.page ?? []) };
      });
      if (!result) return null;
      const { role, row } = result;
      expectReadable(page, row.state.total);
      const read = { revision: row.state.revision, total: row.state.total };
      const renderItems = (count: number) => render(row.items, count);
      return { role, value: pages.settle(row.lookup, read, renderItems) };
    },

    /** The next part of a walk, in the order they were added. */
    async walk(
      principal: Principal,
      namespaceSlug: string,
      limit: number,
      after: Position | null,
    ): Promise<Outcome<Part<MemberRow>>> {
      const place = { limit: limit + 1, key: after?.key ?? null, id: after?.id ?? null };
      const result = await resolveNamespace(principal, namespaceSlug, async (scope) => {
        const rows = await repeatAll(walkStatement, { ...scope, ...place });
        const [first] = rows;
        return first && { ...first, items: rows.flatMap((row) => row.page ?? []) };
      });
      if (!result) return null;
      const { role, namespaceId, row } = result;
      const positionOf = ({ createdAt, subject }: MemberRow) => ({
        key: createdAt.toISOString(),
        id: subject,
      });
      const total = after?.total ?? row.state.total;
      return { role, value: { namespaceId, ...partOf(row.items, limit, total, positionOf) } };
    },

    /**
     * Adds a member or changes a member's role. Needs the role `owner`.
     *
     * @throws `ServiceError` `last_owner` when that would leave the namespace without an owner, `quota_exceeded`
     *   when it has as many members as it may
     */
    async put(
      principal: Principal,
      namespaceSlug: string,
      member: string,
      role: Role,
    ): Promise<Outcome<MemberRow & { created: boolean }>> {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        run(putStatement, { ...scope, member, role, leaver: null, quota }),
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
        run(removeStatement, { ...scope, member, leaver: member, quota: null }),
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
