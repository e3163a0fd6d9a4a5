import { and, asc, desc, gte, isNotNull, isNull, lte, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { type Role } from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { param, repeat, type Statement, unprepared } from '../access/statement.js';
import type { Position } from './cursor-page.js';
import { type ListedTable, type ListRow } from './listed-table.js';
import { expectReadable, type Page, readable, SKIPPED_MAX } from './numbered-pages.js';
import type { CachedPage, Lookup, PageCache } from './page-cache.js';
import { type Condition, isBounded, isSearch, type Selection, type State } from './selection.js';

type ReadRow = ListRow & { lookup: Lookup };

/** Resolves the caller's scope and runs a statement in it; null where there is nothing for this caller. */
type Run<Row, Result> = (
  read: (scope: { namespaceId: string; spaceId?: string }) => Promise<Row | undefined>,
) => Promise<Result | null>;

/** A part of a list, as JSON. */
export interface ListPart {
  /** the items as JSON text, joined by commas: what stands between the brackets of the list */
  items: string;
  total: number;
  /** where the next part of a walk begins, null where there is none */
  next: Position | null;
}

/** The next part of a list, wherever its items have come to be meanwhile. */
export interface Walk {
  limit: number;
  /** null for the first part */
  after: Position | null;
}

/** Up to this offset, skipping rows costs less than finding where to begin. */
const SHALLOW = 1_000;

/**
 * With as many matches it costs less to walk the order of the list and pass over what does not match
 * than to gather all that does; with fewer there could be long ways between two of them.
 */
const MANY = 5_000;

/**
 * How many lists of different filters and orders are prepared, the first that are asked for. Each connection keeps
 * the plans of all of them. What is not prepared takes a round trip more.
 */
const PREPARED_MAX = 100;

/** The condition that the caller does not hold the list at its present revision. */
const isChanged = sql`(select revision from total) is distinct from ${param('known')}`;

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
  const { table, deletedAt, inContainer, access, mayRead, counted, orders, item } = listed;
  const ofState: Record<State, SQL | undefined> = {
    active: deletedAt ? isNull(deletedAt) : undefined,
    deleted: deletedAt ? isNotNull(deletedAt) : undefined,
    all: undefined,
  };
  const isActive = ofState.active;
  const always = sql`true`;
  const accessFields = {
    role: sql<Role | null>`access.caller_role`,
    spaceId: listed.spaceId,
  };
  const offset = sql`${param('offset')}::bigint`;

  /**
   * @param direction of the order of creation
   * @param start which of the active rows, in that order, the page is taken from
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
          access: accessFields,
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
  // A page far inside finds the id it begins with in the index alone, from the nearer end.
  const idAt = (order: SQL, position: SQL) =>
    sql`(select id from ${table} where ${and(inContainer, isActive)}
      order by ${order} limit 1 offset ${position})`;
  const count = sql`(select total from total)`;
  const prepareCreationOrder = (descending: boolean) => {
    const name = `${listed.name}_list${descending ? '_newest' : ''}`;
    const direction = descending ? desc : asc;
    const [opposite, compare] = descending ? [asc, lte] : [desc, gte];
    // PostgreSQL finds where to begin before it looks at the other conditions.
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
  const byCreation =
    'createdAt' in orders
      ? { oldestFirst: prepareCreationOrder(false), newestFirst: prepareCreationOrder(true) }
      : null;

  /**
   * The conditions, of which no other index may be taken than the one that is meant.
   *
   * @param by the index that the rows are found by
   */
  function foundBy(by: string | undefined, conditions: Condition[]): SQL[] {
    return [
      ...(by === 'search' ? [listed.inSearch] : []),
      ...conditions.map((condition) =>
        condition.by === by ? condition.sql : sql`(${condition.sql}) is true`,
      ),
    ];
  }

  /**
   * A list of any kind, from its beginning or from a position on.
   *
   * Matches that few items can share are gathered by the index of what they have in common; where
   * there are many, the order of the list is walked and what does not match is passed over. Which of
   * the two is written into the statement, because the planner would have to guess how many there are.
   */
  function query({ sort, descending, state, conditions }: Selection<Sort>, after: Position | null) {
    const { key, type, text } = orders[sort];
    const direction = sql.raw(descending ? 'desc' : 'asc');
    const order = sql`key ${direction}, id ${direction}`;
    const behind =
      after &&
      sql`(key, id) ${sql.raw(descending ? '<' : '>')} (${param('key')}::${type}, ${param('id')}::uuid)`;

    const gathers =
      (conditions.length > 0 || state === 'deleted') && (after === null || after.total < MANY);
    const best = listed.paths.find((one) => conditions.some(({ by }) => by === one));
    const by = gathers ? best : sort;
    const foundIn = (which: SQL | undefined) => sql`
      select id, ${key} as key from ${table}
      where ${and(inContainer, mayRead, which, isChanged, ...foundBy(by, conditions))}`;
    // Active and deleted rows have indexes of their own, but for the inverted one. Of each, as much is read
    // in the order of the list as the page could hold.
    const read = (which: SQL | undefined) =>
      gathers
        ? foundIn(which)
        : sql`(select * from (${foundIn(which)}) as half where ${behind ?? always}
            order by ${order} limit ${offset} + ${param('limit')}::bigint + 1)`;
    const found =
      state === 'all' && by !== 'search' && by !== undefined
        ? sql`${read(ofState.active)} union all ${read(ofState.deleted)}`
        : foundIn(ofState[state]);
    // `offset 0` keeps the planner from looking into it for another order.
    const matched = db.$with('matched', {}).as(sql`select * from (${found}) as found offset 0`);
    const total = totalOf(gathers, state, after);
    const page = db.$with('page', {}).as(sql`
      select id, key, row_number() over (order by ${order}) - ${offset} as place
      from ${gathers ? sql`matched` : sql`(${found}) as found`}
      where ${behind ?? always}
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
      .with(...access, counted, ...(gathers ? [matched] : []), total, page, shown)
      .select({
        access: accessFields,
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

  /** How many items the list holds: a common table expression of one row. */
  function totalOf(gathers: boolean, state: State, after: Position | null) {
    const matching = gathers
      ? sql`matched`
      : sql`${table} where ${and(inContainer, mayRead, isChanged)}`;
    let total = sql`select count(*)::int as list_total from ${matching}`;
    if (after) total = sql`select ${param('total')}::int as list_total`;
    else if (!gathers && state === 'active')
      total = sql`select total as list_total from ${counted}`;
    return db.$with('list_total', { total: sql<number>`list_total`.as('list_total') }).as(total);
  }

  const prepared = new Map<string, Statement<ListRow>>();

  function statementFor(selection: Selection<Sort>, after: Position | null): Statement<ListRow> {
    const { sort, descending, state, conditions } = selection;
    const shape = conditions.map(({ name, by }) => `${name} ${String(by)}`);
    const isNear = after && after.total < MANY;
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
     * @param run runs a statement in the caller's scope and answers its row
     * @param render makes the body of the answer; called only where the page has changed
     * @returns what `run` answered, and the page, which is for a caller whose access is confirmed
     * @throws `ServiceError` `validation_failed` for a page too far inside a list in the order of what changes
     */
    async page<Result extends { row: ReadRow }>(
      run: Run<ReadRow, Result>,
      selection: Selection<Sort>,
      part: Page,
      render: (items: string, total: number) => Buffer,
    ): Promise<{ result: Result; page: CachedPage } | null> {
      const { sort, descending, state, values } = selection;
      const bounded = isBounded(selection);
      const creationOrder = sort === 'createdAt' && !isSearch(selection) ? byCreation : null;
      const statement = creationOrder
        ? (descending ? creationOrder.newestFirst : creationOrder.oldestFirst)[
            part.offset > SHALLOW ? 'deep' : 'shallow'
          ]
        : statementFor(selection, null);
      const read = bounded ? readable(part) : part;
      const name = JSON.stringify([listed.name, sort, descending, state, part, values]);
      const result = await run(async (scope) => {
        const lookup = pages.lookUp(`${scope.namespaceId} ${scope.spaceId ?? ''} ${name}`);
        const row = await repeat(statement, { ...values, ...read, ...scope, known: lookup.known });
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
      { limit, after }: Walk,
    ): Promise<{ result: Result; part: ListPart } | null> {
      const statement = statementFor(selection, after);
      const place = { limit, offset: 0, known: null, ...after };
      const result = await run((scope) =>
        repeat(statement, { ...selection.values, ...place, ...scope }),
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
 * @returns a function that chooses one: that of searches for what may take long
 */
export function routedLists<Sort extends string>(lists: Lists<Sort>, searches: Lists<Sort>) {
  return (selection: Selection<Sort>, offset: number): Lists<Sort> =>
    isSearch(selection) || offset > SKIPPED_MAX ? searches : lists;
}

type Lists<Sort extends string> = ReturnType<typeof listsOf<Sort>>;
