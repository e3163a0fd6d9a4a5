import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import { members } from '../../db/schema/members.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { subjectCounters } from '../../db/schema/subject-counters.js';
import type { Principal } from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { executeMany, executeOne, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { type ListPosition, type Part, partOf } from '../lists/cursor-page.js';
import { expectReadable, type Page, readable } from '../lists/numbered-pages.js';
import type { CachedPage } from '../lists/page-cache.js';
import type { OwnNamespace } from './columns.js';

/** Prepares the statements that list the namespaces of a caller. */
export function listNamespaces({ db, pages }: RepositoryContext) {
  const isOwn = and(eq(members.subject, param('subject')), isNull(namespaces.deletedAt));
  const ownPage = db.$with('page').as(
    db
      .select({
        id: namespaces.id,
        slug: namespaces.slug,
        name: namespaces.name,
        role: members.role,
        revision: namespaces.revision,
      })
      .from(members)
      .innerJoin(namespaces, eq(namespaces.id, members.namespaceId))
      .where(isOwn)
      .orderBy(asc(members.namespaceId))
      .limit(param('limit'))
      .offset(param('offset')),
  );
  const ownTotal = db.$with('total').as(
    db
      .select({ total: sql<number>`coalesce(sum(memberships), 0)::int`.as('total') })
      .from(subjectCounters)
      .where(eq(subjectCounters.subject, param('subject'))),
  );
  // A rename affects the lists of all members, so the revision is a digest of the page instead of a counter per
  // subject.
  const ownState = db.$with('state').as(
    db
      .select({
        total: ownTotal.total,
        revision: sql<string>`total || '-' || md5((
          select coalesce(string_agg(id || ' ' || role || ' ' || revision, ',' order by id), '')
          from ${ownPage}))`.as('list_revision'),
      })
      .from(ownTotal),
  );
  const listStatement = shared(
    db
      .with(ownPage, ownTotal, ownState)
      .select({
        total: ownState.total,
        revision: ownState.revision,
        item: { id: ownPage.id, slug: ownPage.slug, name: ownPage.name, role: ownPage.role },
      })
      .from(ownState)
      .leftJoin(ownPage, sql`${ownState.revision} is distinct from ${param('known')}`)
      .orderBy(asc(ownPage.id))
      .prepare('namespace_list'),
  );

  const walkStatement = shared(
    db
      .select({
        item: {
          id: namespaces.id,
          slug: namespaces.slug,
          name: namespaces.name,
          role: members.role,
        },
      })
      .from(members)
      .innerJoin(namespaces, eq(namespaces.id, members.namespaceId))
      .where(
        and(
          isOwn,
          sql`${members.namespaceId} > coalesce(${param('id')}, '00000000-0000-0000-0000-000000000000')::uuid`,
        ),
      )
      .orderBy(asc(members.namespaceId))
      .limit(param('limit'))
      .prepare('namespace_walk'),
  );
  const countStatement = shared(
    db.with(ownTotal).select().from(ownTotal).prepare('namespace_count'),
  );

  return {
    /**
     * A page of the namespaces that the caller is a member of, in order of creation.
     *
     * @param render renders the body of the response; called only if the page has changed
     * @throws `Failure` `page_too_deep`
     */
    async list(
      { subject }: Principal,
      page: Page,
      render: (items: OwnNamespace[], total: number) => Buffer,
    ): Promise<CachedPage> {
      const lookup = pages.lookUp(JSON.stringify(['namespaces', subject, page]));
      const values = { subject, ...readable(page), known: lookup.known };
      const rows = await executeMany(listStatement, values, { retryOnDisconnect: true });
      const [state] = rows;
      if (!state) throw new Error('PostgreSQL counted namespaces and did not return how many');
      expectReadable(page, state.total);
      const items = rows.flatMap(({ item }) => item ?? []);
      return pages.settle(lookup, state, (total) => render(items, total));
    },

    /** A cursor page of the caller's namespaces, oldest first. */
    async cursorPage(
      { subject }: Principal,
      limit: number,
      after: ListPosition | null,
    ): Promise<Part<OwnNamespace>> {
      const place = { subject, limit: limit + 1, id: after?.id ?? null };
      const [rows, counted] = await Promise.all([
        executeMany(walkStatement, place, { retryOnDisconnect: true }),
        after ? null : executeOne(countStatement, { subject }, { retryOnDisconnect: true }),
      ]);
      const total = after?.total ?? counted?.total ?? 0;
      const items = rows.map(({ item }) => item);
      const part = partOf(items, limit, total, ({ id }) => ({ key: '', id }));
      return { namespaceId: '', ...part };
    },
  };
}
