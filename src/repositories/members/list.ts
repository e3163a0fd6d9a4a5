import { and, asc, eq, isNotNull, sql } from 'drizzle-orm';
import { members } from '../../db/schema/members.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { accessCte, activeNamespaceByIdAndSlug } from '../access/guard.js';
import type { AccessResult, Principal } from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { executeMany, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { type ListPosition, type Part, partOf } from '../lists/cursor-page.js';
import { expectReadable, type Page, readable } from '../lists/numbered-pages.js';
import type { CachedPage } from '../lists/page-cache.js';
import { inNamespace, memberColumns, type MemberRow } from './columns.js';

/** Prepares the statements that list the members of a namespace. */
export function listMembers({ db, resolveNamespace, pages }: RepositoryContext) {
  const access = accessCte(db, activeNamespaceByIdAndSlug);
  const always = sql`true`;
  // A change of a member replaces the revision of the namespace, and so does a write of the namespace itself.
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

  return {
    /**
     * A page of the members of a namespace, in the order they joined.
     *
     * @param render renders the body of the response; called only if the page has changed
     * @throws `Failure` `page_too_deep`
     */
    async list(
      principal: Principal,
      namespaceSlug: string,
      page: Page,
      render: (items: MemberRow[], total: number) => Buffer,
    ): Promise<AccessResult<CachedPage>> {
      const name = JSON.stringify(['members', page]);
      const result = await resolveNamespace(principal, namespaceSlug, async (scope) => {
        const lookup = pages.lookUp(`${scope.namespaceId} ${name}`);
        const values = { ...scope, ...readable(page), known: lookup.known };
        const rows = await executeMany(listStatement, values, { retryOnDisconnect: true });
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

    /** A cursor page of the members, in the order they were added. */
    async cursorPage(
      principal: Principal,
      namespaceSlug: string,
      limit: number,
      after: ListPosition | null,
    ): Promise<AccessResult<Part<MemberRow>>> {
      const place = { limit: limit + 1, key: after?.key ?? null, id: after?.id ?? null };
      const result = await resolveNamespace(principal, namespaceSlug, async (scope) => {
        const rows = await executeMany(
          walkStatement,
          { ...scope, ...place },
          { retryOnDisconnect: true },
        );
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
  };
}
