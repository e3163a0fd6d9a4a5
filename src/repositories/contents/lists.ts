import { type SQL, sql } from 'drizzle-orm';
import type { RepositoryContext } from '../context.js';
import {
  type CursorRequest,
  type ListPart,
  listsOf,
  type ReadRow,
  routedLists,
} from '../lists/index.js';
import { timeText } from '../lists/item-json.js';
import type { ListedTable, ListRow } from '../lists/listed-table.js';
import type { Page } from '../lists/numbered-pages.js';
import type { CachedPage } from '../lists/page-cache.js';
import type { Selection } from '../lists/selection.js';
import { readingSpace, type SpaceAccess } from './access.js';
import { type ContentCaller, type ContentResult, outcomeOf } from './operations.js';
import type { InSpace, SpaceScope } from './space-resolver.js';

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

  /**
   * Runs a list in the caller's space. A list has no result for a space that does not exist, so the result of the
   * resolver is kept.
   */
  async function inCallersSpace<Row extends { access: SpaceAccess }, Found, Value>(
    { principal, path }: ContentCaller,
    list: (run: RunInSpace<Row>) => Promise<Found | null>,
    valueOf: (found: Found) => Value,
  ): Promise<ContentResult<Value>> {
    const resolved: { result: InSpace<Row> | null } = { result: null };
    const found = await list(async (read) => {
      const result = await resolveSpace(principal, path, read);
      resolved.result = result;
      return result?.row ? { ...result, row: result.row } : null;
    });
    return outcomeOf(resolved.result, found && valueOf(found));
  }

  return {
    /** A numbered page; see `listsOf`. */
    page: (
      caller: ContentCaller,
      selection: Selection<Sort>,
      part: Page,
      render: (items: string, total: number) => Buffer,
    ): Promise<ContentResult<CachedPage>> =>
      inCallersSpace(
        caller,
        (run: RunInSpace<ReadRow>) =>
          listsFor(selection, part.offset).page(run, selection, part, render),
        ({ page }) => page,
      ),

    /** A cursor page; see `listsOf`. */
    cursorPage: (
      caller: ContentCaller,
      selection: Selection<Sort>,
      position: CursorRequest,
    ): Promise<ContentResult<ListPart>> =>
      inCallersSpace(
        caller,
        (run: RunInSpace<ListRow>) => listsFor(selection, 0).cursorPage(run, selection, position),
        ({ part }) => part,
      ),
  };
}

type RunInSpace<Row> = (
  read: (scope: SpaceScope) => Promise<Row | undefined>,
) => Promise<(InSpace<Row> & { row: Row }) | null>;
