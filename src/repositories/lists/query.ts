import { and, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { param } from '../access/statement.js';
import type { ListPosition } from './cursor-page.js';
import {
  accessColumns,
  isChanged,
  type ListedTable,
  offset,
  stateConditions,
} from './listed-table.js';
import type { Condition, Selection, State } from './selection.js';

/**
 * From this number of matches on, scanning in the order of the list and skipping other rows costs less than
 * materializing all matches. With fewer matches there may be long gaps between them.
 */
export const SCAN_IN_ORDER_FROM = 5_000;

/** Creates the queries of the lists of a table. */
export function listQuery<Sort extends string>(db: Database, listed: ListedTable<Sort>) {
  const { table, inContainer, access, mayRead, counted, orders, item } = listed;
  const ofState = stateConditions(listed);
  const always = sql`true`;

  /**
   * Returns the conditions in a form for which the planner can only use one index.
   *
   * @param by the index to use
   */
  function pinToIndex(by: string | undefined, conditions: Condition[]): SQL[] {
    return [
      ...(by === 'search' ? [listed.inSearch] : []),
      ...conditions.map((condition) =>
        condition.by === by ? condition.sql : sql`(${condition.sql}) is true`,
      ),
    ];
  }

  /**
   * A list with any filters and order, from the beginning or after a cursor.
   *
   * Few matches are materialized with the most selective index; with many, the statement scans in the order of
   * the list and skips other rows. The statement fixes the choice, because the planner would have to guess the
   * number of matches.
   */
  function query(
    { sort, descending, state, conditions }: Selection<Sort>,
    after: ListPosition | null,
  ) {
    const { key, type, text } = orders[sort];
    const direction = sql.raw(descending ? 'desc' : 'asc');
    const order = sql`key ${direction}, id ${direction}`;
    const afterCursor =
      after &&
      sql`(key, id) ${sql.raw(descending ? '<' : '>')} (${param('key')}::${type}, ${param('id')}::uuid)`;

    const materializes =
      (conditions.length > 0 || state === 'deleted') &&
      (after === null || after.total < SCAN_IN_ORDER_FROM);
    const best = listed.accessPaths.find((one) => conditions.some(({ by }) => by === one));
    const by = materializes ? best : sort;
    const foundIn = (which: SQL | undefined) => sql`
      select id, ${key} as key from ${table}
      where ${and(inContainer, mayRead, which, isChanged, ...pinToIndex(by, conditions))}`;
    // Active and deleted rows have separate indexes, except for the inverted one. From each, at most the rows
    // up to the end of the page are read in order.
    const read = (which: SQL | undefined) =>
      materializes
        ? foundIn(which)
        : sql`(select * from (${foundIn(which)}) as half where ${afterCursor ?? always}
            order by ${order} limit ${offset} + ${param('limit')}::bigint + 1)`;
    const found =
      state === 'all' && by !== 'search' && by !== undefined
        ? sql`${read(ofState.active)} union all ${read(ofState.deleted)}`
        : foundIn(ofState[state]);
    // `offset 0` prevents the planner from flattening the subquery to get another order.
    const matched = db.$with('matched', {}).as(sql`select * from (${found}) as found offset 0`);
    const total = totalOf(materializes, state, after);
    const page = db.$with('page', {}).as(sql`
      select id, key, row_number() over (order by ${order}) - ${offset} as place
      from ${materializes ? sql`matched` : sql`(${found}) as found`}
      where ${afterCursor ?? always}
      order by ${order} limit ${param('limit')}::bigint + 1 offset ${offset}`);
    const last = sql`filter (where place = ${param('limit')})`;
    const shown = db.$with('shown', {
      items: sql<string | null>`items`.as('items'),
      more: sql<boolean | null>`more`.as('more'),
      key: sql<string | null>`last_key`.as('last_key'),
      id: sql<string | null>`last_id`.as('last_id'),
    }).as(sql`
      select
        string_agg((
          select ${item[state]} from ${table} where ${and(inContainer, sql`id = page.id`)}
        ), ',' order by place) filter (where place <= ${param('limit')}) as items,
        bool_or(place > ${param('limit')}) as more,
        max(${text(sql`key`)}) ${last} as last_key,
        max(id::text) ${last} as last_id
      from page`);
    return db
      .with(...access, counted, ...(materializes ? [matched] : []), total, page, shown)
      .select({
        access: accessColumns(listed),
        total: total.total,
        revision: counted.revision,
        items: shown.items,
        more: shown.more,
        key: shown.key,
        id: shown.id,
      })
      .from(sql`access`)
      .leftJoin(counted, always)
      .leftJoin(total, always)
      .leftJoin(shown, always);
  }

  /** The common table expression of one row with the number of items in the list. */
  function totalOf(materializes: boolean, state: State, after: ListPosition | null) {
    const matching = materializes
      ? sql`matched`
      : sql`${table} where ${and(inContainer, ofState[state], mayRead, isChanged)}`;
    let total = sql`select count(*)::int as list_total from ${matching}`;
    if (after) total = sql`select ${param('total')}::int as list_total`;
    else if (!materializes && state === 'active')
      total = sql`select total as list_total from ${counted}`;
    return db.$with('list_total', { total: sql<number>`list_total`.as('list_total') }).as(total);
  }

  return query;
}
