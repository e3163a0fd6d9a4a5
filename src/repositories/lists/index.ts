import {
  and,
  asc,
  desc,
  gte,
  isNotNull,
  isNull,
  lte,
  type SQL,
  sql,
  type SQLWrapper,
  type WithSubquery,
} from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Database } from '../../db/client.js';
import type { JsonObject } from '../../db/schema/columns.js';
import {
  type Page,
  param,
  repeat,
  type Role,
  type Statement,
  unprepared,
} from '../access/index.js';
import { expectReadable, readable } from './numbered-pages.js';
import type { CachedPage, Lookup, PageCache } from './page-cache.js';
import { shared } from '../access/shared-reads.js';
import type { spaceTotal } from '../spaces/counters.js';
import type { Position } from './cursor-page.js';

export const states = ['active', 'deleted', 'all'] as const;

export type State = (typeof states)[number];

/** One condition of a list's filters. */
export interface Condition {
  /** of its parameter */
  name: string;
  sql: SQL;
  /** the index that finds the rows by it, null where none does */
  by: string | null;
}

/** The conditions of a list, and the values of their parameters. */
export interface Conditions {
  conditions: Condition[];
  values: Record<string, unknown>;
}

/** The filters and the order of one list. */
export interface Selection<Sort extends string> extends Conditions {
  state: State;
  sort: Sort;
  descending: boolean;
}

/** An order of a list, which an index has; ids make it total. */
interface Order {
  key: SQL;
  type: SQL;
  /** writes a key as the text of a cursor */
  text: (key: SQL) => SQL;
}

/** A table that is listed. */
export interface ListedTable<Sort extends string> {
  /** begins the names of its statements */
  name: string;
  table: PgTable & { id: PgColumn };
  /** null where nothing of it is kept once it is deleted */
  deletedAt: PgColumn | null;
  /** the condition that a row is in the container that is listed */
  inContainer: SQL | undefined;
  /** the common table expressions that hold the caller's access; the last is named `access` */
  access: WithSubquery[];
  /** null where the list is not inside a space, or there is none */
  spaceId: SQL<string | null>;
  /** the condition that the caller may read the container */
  mayRead: SQL;
  /** the common table expression with the total and the revision of the active rows */
  counted: ReturnType<typeof spaceTotal>;
  /** the condition that the inverted index `search` begins with */
  inSearch: SQL;
  /** the indexes by which rows of a filter are found, from that which leads to the fewest on */
  paths: readonly string[];
  orders: Record<Sort, Order>;
  /** an item as JSON text */
  item: Record<State, SQL>;
}

/** The row of a list's statement. */
export interface ListRow {
  access: { role: Role | null; spaceId: string | null };
  items: string | null;
  total: number;
  revision: string;
  more?: boolean | null;
  key?: string | null;
  id?: string | null;
}

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

const TIME_FORMAT = sql.raw(`'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`);
/** @returns a time as RFC 3339 text, as JavaScript writes it */
export const timeText = (column: SQLWrapper) =>
  sql`to_char(${column} at time zone 'UTC', ${TIME_FORMAT})`;

/** @returns an item with the time of its deletion, for lists that show deleted ones; `item` is a JSON object */
export const datedItem = (item: SQL): SQL => sql`left(${item}, -1) || ',"deletedAt":'
  || coalesce(to_json(${timeText(sql`deleted_at`)})::text, 'null') || '}'`;

/** @returns the least UUIDv7 of a millisecond (RFC 9562 §5.7) */
function firstIdOf(time: Date): string {
  const hex = time.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** Below it an inverted index of trigrams has nothing to look up. */
const SEARCHABLE = /[\p{L}\p{N}]{3}/u;

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

/** Filters that every list has; null and an empty list ask for nothing. */
export interface CommonFilters {
  /** a part of the searched text, in any case */
  text: string | null;
  /** all of them */
  tags: string[];
  /** is contained in the metadata */
  metadata: JsonObject | null;
  /** at that time or later */
  createdAfter: Date | null;
  /** before that time */
  createdBefore: Date | null;
  /** at that time or later */
  updatedAfter: Date | null;
}

/**
 * Collects the conditions of a list, beginning with those that every list has.
 *
 * @param searchedText the text that the inverted index knows
 * @returns the conditions, their values, and a function that adds one
 */
export function commonConditions(
  { text, tags, metadata, createdAfter, createdBefore, updatedAfter }: CommonFilters,
  searchedText: SQL,
) {
  const conditions: Condition[] = [];
  const values: Record<string, unknown> = {};
  const add = (name: string, value: unknown, by: string | null, condition: SQL) => {
    values[name] = value;
    conditions.push({ name, sql: condition, by });
  };
  if (text !== null) {
    const pattern = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
    const by = SEARCHABLE.test(text) ? 'search' : null;
    add('text', pattern, by, sql`${searchedText} ilike ${param('text')}`);
  }
  if (tags.length > 0) {
    add('tags', JSON.stringify(tags), 'search', sql`tags @> ${param('tags')}::jsonb`);
  }
  if (metadata !== null) {
    const value = JSON.stringify(metadata);
    add('metadata', value, 'search', sql`metadata @> ${param('metadata')}::jsonb`);
  }
  if (createdAfter !== null) {
    add(
      'createdAfter',
      firstIdOf(createdAfter),
      'createdAt',
      sql`id >= ${param('createdAfter')}::uuid`,
    );
  }
  if (createdBefore !== null) {
    add(
      'createdBefore',
      firstIdOf(createdBefore),
      'createdAt',
      sql`id < ${param('createdBefore')}::uuid`,
    );
  }
  if (updatedAfter !== null) {
    const first = updatedAfter.toISOString();
    add(
      'updatedAfter',
      first,
      'updatedAt',
      sql`updated_at >= ${param('updatedAfter')}::timestamptz`,
    );
  }
  return { conditions, values, add };
}

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

/** @returns whether what fits has to be found and counted, which may take long */
export function isSearch({
  state,
  conditions,
}: Pick<Selection<string>, 'state' | 'conditions'>): boolean {
  return state !== 'active' || conditions.length > 0;
}

/** @returns whether its numbered pages end after `SKIPPED_MAX` items: it is neither searched nor in the order of creation */
export function isBounded(selection: Selection<string>): boolean {
  return selection.sort !== 'createdAt' && !isSearch(selection);
}
