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

type ReadRow = ListRow & { lookup: Lookup };

/** Resolves the caller's scope and runs a statement in it; null where there is nothing for this caller. */
type Run<Row, Result> = (
  read: (scope: { namespaceId: string; spaceId?: string }) => Promise<Row | undefined>,
) => Promise<Result | null>;

/** A part of a list, as JSON. */
export interface ListPart {
  /** the items as JSON text, joined by commas */
  items: string;
  total: number;
  /** where the next part of a walk begins, null where there is none */
  next: ListPosition | null;
}

/** The next part of a list, wherever its items have come to be meanwhile. */
export interface CursorRequest {
  limit: number;
  /** null for the first part */
  after: ListPosition | null;
}

/**
 * The most lists of different filters and orders that are prepared, the first that are requested. Each
 * connection keeps the plans of all of them. An unprepared one takes a round trip more.
 */
const PREPARED_MAX = 100;

/**
 * Makes the lists of a table: numbered pages, and parts of a walk by cursor.
 *
 * @param pages keeps finished pages
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
     * @param run runs a statement in the caller's scope and returns its row
     * @param render makes the body of the response; called only where the page has changed
     * @returns the result of `run`, and the page, which is for a caller whose access is confirmed
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
     * The next part of a walk.
     *
     * @param run runs a statement in the caller's scope and answers its row
     */
    async walk<Result extends { row: ListRow }>(
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
 * @param lists of the database
 * @param searches the same lists of the database of searches
 * @returns a function that chooses one: that of searches for lists that may take long
 */
export function routedLists<Sort extends string>(lists: Lists<Sort>, searches: Lists<Sort>) {
  return (selection: Selection<Sort>, offset: number): Lists<Sort> =>
    isSearch(selection) || offset > SKIPPED_MAX ? searches : lists;
}

type Lists<Sort extends string> = ReturnType<typeof listsOf<Sort>>;
