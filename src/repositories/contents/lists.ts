import { type SQL, sql } from 'drizzle-orm';
import type { RepositoryContext } from '../context.js';
import { type CursorRequest, type ListPart, listsOf, routedLists } from '../lists/index.js';
import { timeText } from '../lists/item-json.js';
import type { ListedTable } from '../lists/listed-table.js';
import type { Page } from '../lists/numbered-pages.js';
import type { CachedPage } from '../lists/page-cache.js';
import type { Selection } from '../lists/selection.js';
import { readingSpace } from './access.js';
import { type ContentCaller, type ContentResult, outcomeOf } from './operations.js';
import type { InSpace } from './space-resolver.js';

/** A table of a space's contents, for `contentLists`. */
export type ListedContent<Sort extends string> = Omit<
  ListedTable<Sort>,
  'access' | 'spaceId' | 'mayRead' | 'inSearch'
>;

/** The sort orders that episodes and assets share. */
export const usualOrders = {
  createdAt: { key: sql`id`, type: sql`uuid`, text: (key: SQL) => sql`${key}::text` },
  updatedAt: { key: sql`updated_at`, type: sql`timestamptz`, text: timeText },
};

/** Creates the lists of a table of a space's contents. */
export function contentLists<Sort extends string>(
  { db, searchDb, resolveSpace, pages }: RepositoryContext,
  listed: ListedContent<Sort>,
  inSearch: SQL = sql`true`,
) {
  const { expressions, access, allowed } = readingSpace(db);
  const table = {
    ...listed,
    access: expressions,
    spaceId: access.spaceId,
    mayRead: allowed,
    inSearch,
  };
  const listsFor = routedLists(listsOf(db, table, pages), listsOf(searchDb, table, pages));

  return {
    /** A numbered page; see `listsOf`. */
    async page(
      { principal, path }: ContentCaller,
      selection: Selection<Sort>,
      part: Page,
      render: (items: string, total: number) => Buffer,
    ): Promise<ContentResult<CachedPage>> {
      let result: InSpace<unknown> | null = null;
      const found = await listsFor(selection, part.offset).page(
        async (read) => {
          const resolved = await resolveSpace(principal, path, read);
          result = resolved;
          return resolved?.row ? { ...resolved, row: resolved.row } : null;
        },
        selection,
        part,
        render,
      );
      return outcomeOf(result, found?.page ?? null);
    },

    /** A cursor page; see `listsOf`. */
    async cursorPage(
      { principal, path }: ContentCaller,
      selection: Selection<Sort>,
      position: CursorRequest,
    ): Promise<ContentResult<ListPart>> {
      let result: InSpace<unknown> | null = null;
      const found = await listsFor(selection, 0).cursorPage(
        async (read) => {
          const resolved = await resolveSpace(principal, path, read);
          result = resolved;
          return resolved?.row ? { ...resolved, row: resolved.row } : null;
        },
        selection,
        position,
      );
      return outcomeOf(result, found?.part ?? null);
    },
  };
}
