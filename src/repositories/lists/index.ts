import type { Database } from '../../db/client.js';
import { shared } from '../access/shared-reads.js';
import { executeOne, type Statement, unprepared } from '../access/statement.js';
import { creationOrder } from './creation-order.js';
import type { ListPosition } from './cursor-page.js';
import type { ListedTable, ListRow } from './listed-table.js';
import { expectReadable, type Page, readable, SKIPPED_MAX } from './numbered-pages.js';
import type { CachedPage, Lookup, PageCache } from './page-cache.js';
import { listQuery, SCAN_IN_ORDER_FROM } from './query.js';
import { isBounded, isSearch, type Selection } from './selection.js';

/** The row of a numbered page, and the look-up in the cache that preceded it. */
export type ReadRow = ListRow & { lookup: Lookup };

/**
 * Resolves the caller's scope and executes a statement in it; null if the scope does not exist for this caller.
 */
type Run<Row, Result> = (
  read: (scope: { namespaceId: string; spaceId?: string }) => Promise<Row | undefined>,
) => Promise<Result | null>;

/** A cursor page, as JSON. */
export interface ListPart {
  /** the items as JSON text, joined by commas */
  items: string;
  total: number;
  /** the position after which the next page begins, null for the last page */
  next: ListPosition | null;
}

/** The request for a cursor page. */
export interface CursorRequest {
  limit: number;
  /** null for the first page */
  after: ListPosition | null;
}

/**
 * Maximum number of prepared combinations of filters and orders, on a first-come basis: each connection stores
 * a plan for each of them. An unprepared statement takes one more round trip.
 */
const PREPARED_MAX = 100;

/**
 * Creates the lists of a table: numbered pages and cursor pages.
 *
 * @param pages the cache of rendered pages
 */
export function listsOf<Sort extends string>(
  db: Database,
  listed: ListedTable<Sort>,
  pages: PageCache,
) {
  const query = listQuery(db, listed);
  const byCreation = creationOrder(db, listed);
  const prepared = new Map<string, Statement<ListRow>>();

  function statementFor(
    selection: Selection<Sort>,
    after: ListPosition | null,
  ): Statement<ListRow> {
    const { sort, descending, state, conditions } = selection;
    const shape = conditions.map(({ name, by }) => `${name} ${String(by)}`);
    const isNear = after && after.total < SCAN_IN_ORDER_FROM;
    const name = [listed.name, 'list', sort, descending, state, isNear, ...shape].join('_');
    let statement = prepared.get(name);
    if (!statement) {
      const built = query(selection, after);
      if (prepared.size >= PREPARED_MAX) return unprepared(built);
      statement = shared(built.prepare(name));
      prepared.set(name, statement);
    }
    return statement;
  }

  return {
    /**
     * A numbered page.
     *
     * @param run executes a statement in the caller's scope and returns its row
     * @returns the result of `run`, which has confirmed the caller's access, and the page; null if `run`
     *   returns null
     * @throws `Failure` `page_too_deep` for a deep page of a list in an order that can change
     */
    async page<Result extends { row: ReadRow }>(
      run: Run<ReadRow, Result>,
      selection: Selection<Sort>,
      part: Page,
      render: (items: string, total: number) => Buffer,
    ): Promise<{ result: Result; page: CachedPage } | null> {
      const { sort, descending, state, values } = selection;
      const bounded = isBounded(selection);
      const statement =
        sort === 'createdAt' && !isSearch(selection) && byCreation
          ? byCreation(descending, part.offset)
          : statementFor(selection, null);
      const read = bounded ? readable(part) : part;
      const name = JSON.stringify([listed.name, sort, descending, state, part, values]);
      const result = await run(async (scope) => {
        const lookup = pages.lookUp(`${scope.namespaceId} ${scope.spaceId ?? ''} ${name}`);
        const row = await executeOne(
          statement,
          { ...values, ...read, ...scope, known: lookup.known },
          { retryOnDisconnect: true },
        );
        return row && { ...row, lookup };
      });
      if (!result) return null;
      const { row } = result;
      if (bounded) expectReadable(part, row.total);
      const renderRow = (total: number) => render(row.items ?? '', total);
      return { result, page: pages.settle(row.lookup, row, renderRow) };
    },

    /**
     * A cursor page.
     *
     * @param run executes a statement in the caller's scope and returns its row
     */
    async cursorPage<Result extends { row: ListRow }>(
      run: Run<ListRow, Result>,
      selection: Selection<Sort>,
      { limit, after }: CursorRequest,
    ): Promise<{ result: Result; part: ListPart } | null> {
      const statement = statementFor(selection, after);
      const place = { limit, offset: 0, known: null, ...after };
      const result = await run((scope) =>
        executeOne(
          statement,
          { ...selection.values, ...place, ...scope },
          { retryOnDisconnect: true },
        ),
      );
      if (!result) return null;
      const { items, total, more, key, id } = result.row;
      const next = more && key && id ? { key, id, total } : null;
      return { result, part: { items: items ?? '', total, next } };
    },
  };
}

/**
 * @param lists the lists of the main pool
 * @param searches the same lists of the pool for searches
 * @returns a function that chooses one of them: `searches` for lists that may take long
 */
export function routedLists<Sort extends string>(lists: Lists<Sort>, searches: Lists<Sort>) {
  return (selection: Selection<Sort>, offset: number): Lists<Sort> =>
    isSearch(selection) || offset > SKIPPED_MAX ? searches : lists;
}

type Lists<Sort extends string> = ReturnType<typeof listsOf<Sort>>;
