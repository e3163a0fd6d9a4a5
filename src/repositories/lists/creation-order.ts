import { and, asc, desc, gte, lte, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { shared } from '../access/shared-reads.js';
import { param, type Statement } from '../access/statement.js';
import {
  accessColumns,
  isChanged,
  type ListedTable,
  type ListRow,
  offset,
  stateConditions,
} from './listed-table.js';

/** Above this offset, finding the first id of the page costs less than skipping rows. */
const DEEP_OFFSET = 1_000;

/**
 * Prepares the statements of numbered pages in the order of creation without filters.
 *
 * @returns a function that chooses the statement of a page; null for a table without that order
 */
export function creationOrder<Sort extends string>(db: Database, listed: ListedTable<Sort>) {
  const { table, inContainer, access, counted, orders, item } = listed;
  const isActive = stateConditions(listed).active;
  const always = sql`true`;

  /**
   * @param direction ascending or descending creation order
   * @param start the condition that begins the page, for deep pages
   */
  const preparePage = (
    name: string,
    direction: typeof asc | typeof desc,
    start: SQL | undefined,
    skip: SQL | undefined,
  ) => {
    const items = db
      .select({ id: table.id, item: sql`${item.active}`.as('item') })
      .from(table)
      .where(and(inContainer, isActive, start, isChanged))
      .orderBy(direction(table.id))
      .limit(param('limit'));
    const page = db.$with('page', { items: sql<string | null>`items`.as('items') }).as(sql`
      select string_agg(item, ',' order by ${direction(sql`id`)}) as items from (${items} ${skip}) as page_items`);
    return shared(
      db
        .with(...access, counted, page)
        .select({
          access: accessColumns(listed),
          items: page.items,
          total: counted.total,
          revision: counted.revision,
        })
        .from(sql`access`)
        .leftJoin(counted, always)
        .leftJoin(page, always)
        .prepare(name),
    );
  };
  // A deep page finds its first id with an index-only scan from the nearer end.
  const idAt = (order: SQL, position: SQL) =>
    sql`(select id from ${table} where ${and(inContainer, isActive)}
      order by ${order} limit 1 offset ${position})`;
  const count = sql`(select total from total)`;
  const prepareCreationOrder = (descending: boolean) => {
    const name = `${listed.name}_list${descending ? '_newest' : ''}`;
    const direction = descending ? desc : asc;
    const [opposite, compare] = descending ? [asc, lte] : [desc, gte];
    // PostgreSQL evaluates this once, before the scan.
    const start = compare(
      table.id,
      sql`case
        when not (${isChanged}) or ${offset} >= ${count} then null
        when ${offset} < ${count} / 2 then ${idAt(direction(table.id), offset)}
        else ${idAt(opposite(table.id), sql`${count} - 1 - ${offset}`)} end`,
    );
    return {
      shallow: preparePage(name, direction, undefined, sql`offset ${offset}`),
      deep: preparePage(`${name}_deep`, direction, start, undefined),
    };
  };

  if (!('createdAt' in orders)) return null;
  const oldestFirst = prepareCreationOrder(false);
  const newestFirst = prepareCreationOrder(true);
  return (descending: boolean, from: number): Statement<ListRow> =>
    (descending ? newestFirst : oldestFirst)[from > DEEP_OFFSET ? 'deep' : 'shallow'];
}
