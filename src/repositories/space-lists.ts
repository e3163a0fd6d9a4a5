import { and, asc, desc, eq, gte, isNotNull, isNull, lt, lte, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../db/client.js';
import type { JsonObject } from '../db/schema/columns.js';
import {
  nameOrder,
  searchedNamespace,
  searchedText,
  slugOrder,
  spaces,
} from '../db/schema/spaces.js';
import {
  accessAllows,
  accessTo,
  byIdAndSlug,
  type Outcome,
  type Page,
  param,
  type Principal,
  repeat,
  type ResolveNamespace,
  type Role,
  type Statement,
  unprepared,
} from './access.js';
import { expectReadable, readable } from './numbered-pages.js';
import type { CachedPage, PageCache } from './page-cache.js';
import { shared } from './shared-reads.js';
import type { Position } from './walk.js';
import { spaceTotal } from './space-counters.js';

export const sortFields = ['createdAt', 'updatedAt', 'name', 'slug'] as const;
export const states = ['active', 'deleted', 'all'] as const;

/** Which spaces of a namespace a list shows; null and an empty list ask for nothing. */
export interface SpaceFilters {
  /** a part of the name, the slug or the description, in any case */
  text: string | null;
  /** all of them */
  tags: string[];
  /** any of them */
  slugs: string[];
  /** is contained in the metadata */
  metadata: JsonObject | null;
  /** at that time or later */
  createdAfter: Date | null;
  /** before that time */
  createdBefore: Date | null;
  /** at that time or later */
  updatedAfter: Date | null;
}

export interface SpaceSelection extends SpaceFilters {
  state: (typeof states)[number];
  sort: (typeof sortFields)[number];
  descending: boolean;
}

/** The next part of a list, wherever its spaces have come to be meanwhile. */
export interface Walk {
  limit: number;
  /** null for the first part */
  after: Position | null;
}

export interface SpacePage {
  namespaceId: string;
  /** the items as JSON text, joined by commas: what stands between the brackets of the list */
  items: string;
  total: number;
  /** where the next part of a walk begins, null where there is none */
  next: Position | null;
}

interface ListRow {
  access: { role: Role | null };
  items: string | null;
  total: number;
  revision: string;
  more?: boolean | null;
  key?: string | null;
  id?: string | null;
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

/** Below it an inverted index of trigrams has nothing to look up. */
const SEARCHABLE = /[\p{L}\p{N}]{3}/u;

const TIME_FORMAT = sql.raw(`'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`);
const timeText = (column: SQL) => sql`to_char(${column} at time zone 'UTC', ${TIME_FORMAT})`;

/** What each list is sorted by, in the order of an index; ids make it total. */
const orders: Record<SpaceSelection['sort'], { key: SQL; type: SQL; text: (key: SQL) => SQL }> = {
  createdAt: { key: sql`id`, type: sql`uuid`, text: (key) => sql`${key}::text` },
  updatedAt: { key: sql`updated_at`, type: sql`timestamptz`, text: timeText },
  name: { key: nameOrder, type: sql`text`, text: (key) => key },
  slug: { key: slugOrder, type: sql`text`, text: (key) => key },
};

const ofNamespace = eq(spaces.namespaceId, param('namespaceId'));

/** The condition that the caller does not hold the list at its present revision. */
const isChanged = sql`(select revision from total) is distinct from ${param('known')}`;

const ofState: Record<SpaceSelection['state'], SQL | undefined> = {
  active: isNull(spaces.deletedAt),
  deleted: isNotNull(spaces.deletedAt),
  all: undefined,
};

/** An item; of lists that show deleted spaces, with the time of it. */
const itemOf: Record<SpaceSelection['state'], SQL> = {
  active: sql`item`,
  deleted: datedItem(),
  all: datedItem(),
};

function datedItem(): SQL {
  return sql`left(item, -1) || ',"deletedAt":'
    || coalesce(to_json(${timeText(sql`deleted_at`)})::text, 'null') || '}'`;
}

/** By what the spaces of a filter can be found, from that which leads to the fewest on. */
const means = ['slug', 'search', 'createdAt', 'updatedAt'] as const;

type Means = (typeof means)[number];

interface Condition {
  /** of its parameter */
  name: string;
  sql: SQL;
  /** null where no index knows it */
  by: Means | null;
}

/** The conditions of a selection, and the values of their parameters. */
function conditionsOf(filters: SpaceFilters): {
  conditions: Condition[];
  values: Record<string, unknown>;
} {
  const { text, tags, slugs, metadata, createdAfter, createdBefore, updatedAfter } = filters;
  const conditions: Condition[] = [];
  const values: Record<string, unknown> = {};
  const add = (name: string, value: unknown, by: Condition['by'], condition: SQL) => {
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
  if (slugs.length > 0) {
    // No slug holds a space.
    const any = sql`any(string_to_array(${param('slugs')}, ' '))`;
    add('slugs', slugs.join(' '), 'slug', sql`${slugOrder} = ${any}`);
  }
  if (createdAfter !== null) {
    const first = firstIdOf(createdAfter);
    add('createdAfter', first, 'createdAt', gte(spaces.id, param('createdAfter')));
  }
  if (createdBefore !== null) {
    const first = firstIdOf(createdBefore);
    add('createdBefore', first, 'createdAt', lt(spaces.id, param('createdBefore')));
  }
  if (updatedAfter !== null) {
    const first = updatedAfter.toISOString();
    add('updatedAfter', first, 'updatedAt', gte(spaces.updatedAt, param('updatedAfter')));
  }
  return { conditions, values };
}

/**
 * The conditions, of which no other index may be taken than the one that is meant.
 *
 * @param by what the spaces are found by
 */
function foundBy(by: Means | SpaceSelection['sort'] | undefined, conditions: Condition[]): SQL[] {
  return [
    ...(by === 'search' ? [sql`${searchedNamespace} = ${param('namespaceId')}::text`] : []),
    ...conditions.map((condition) =>
      condition.by === by ? condition.sql : sql`(${condition.sql}) is true`,
    ),
  ];
}

/** @returns the least UUIDv7 of a millisecond (RFC 9562 §5.7) */
function firstIdOf(time: Date): string {
  const hex = time.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/**
 * Makes the lists of spaces.
 *
 * @param pages keeps finished pages
 */
export function spaceLists(db: Database, resolveNamespace: ResolveNamespace, pages: PageCache) {
  const access = accessTo(db, byIdAndSlug);
  const mayRead = accessAllows('viewer');
  const isActive = ofState.active;
  const always = sql`true`;
  const counted = spaceTotal(db);
  const offset = sql`${param('offset')}::bigint`;

  /**
   * @param direction of the order of creation
   * @param start which of the active spaces, in that order, the page is taken from
   */
  const preparePage = (
    name: string,
    direction: typeof asc | typeof desc,
    start: SQL | undefined,
    skip: SQL | undefined,
  ) => {
    const items = db
      .select({ id: spaces.id, item: spaces.item })
      .from(spaces)
      .where(and(ofNamespace, isActive, start, isChanged))
      .orderBy(direction(spaces.id))
      .limit(param('limit'));
    const page = db.$with('page', { items: sql<string | null>`items`.as('items') }).as(sql`
      select string_agg(item, ',' order by ${direction(sql`id`)}) as items from (${items} ${skip}) as page_items`);
    return shared(
      db
        .with(access, counted, page)
        .select({
          access: { role: access.role },
          items: page.items,
          total: counted.total,
          revision: counted.revision,
        })
        .from(access)
        .leftJoin(counted, always)
        .leftJoin(page, always)
        .prepare(name),
    );
  };
  // A page far inside finds the id it begins with in the index alone, from the nearer end.
  const idAt = (order: SQL, position: SQL) =>
    sql`(select id from ${spaces} where ${and(ofNamespace, isActive)}
      order by ${order} limit 1 offset ${position})`;
  const count = sql`(select total from total)`;
  const prepareOrder = (name: string, direction: typeof asc | typeof desc) => {
    const [opposite, compare] = direction === asc ? [desc, gte] : [asc, lte];
    // PostgreSQL finds where to begin before it looks at the other conditions.
    const start = compare(
      spaces.id,
      sql`case
        when not (${isChanged}) or ${offset} >= ${count} then null
        when ${offset} < ${count} / 2 then ${idAt(direction(spaces.id), offset)}
        else ${idAt(opposite(spaces.id), sql`${count} - 1 - ${offset}`)} end`,
    );
    return {
      shallow: preparePage(name, direction, undefined, sql`offset ${offset}`),
      deep: preparePage(`${name}_deep`, direction, start, undefined),
    };
  };
  const oldestFirst = prepareOrder('space_list', asc);
  const newestFirst = prepareOrder('space_list_newest', desc);

  /**
   * A list of any kind, from its beginning or from a position on.
   *
   * Matches that few spaces can share are gathered by the index of what they have in common; where
   * there are many, the order of the list is walked and what does not match is passed over. Which of
   * the two is written into the statement, because the planner would have to guess how many there are.
   */
  function query(
    { sort, descending, state }: Omit<SpaceSelection, keyof SpaceFilters>,
    conditions: Condition[],
    after: Position | null,
  ) {
    const { key, type, text } = orders[sort];
    const direction = sql.raw(descending ? 'desc' : 'asc');
    const order = sql`key ${direction}, id ${direction}`;
    const behind =
      after &&
      sql`(key, id) ${sql.raw(descending ? '<' : '>')} (${param('key')}::${type}, ${param('id')}::uuid)`;

    const gathers =
      (conditions.length > 0 || state === 'deleted') && (after === null || after.total < MANY);
    const best = means.find((one) => conditions.some(({ by }) => by === one));
    const by = gathers ? best : sort;
    const foundIn = (which: SQL | undefined) => sql`
      select id, ${key} as key from ${spaces}
      where ${and(ofNamespace, mayRead, which, isChanged, ...foundBy(by, conditions))}`;
    // What is active and what is deleted have indexes of their own, but for the inverted one. Of each, as much is read
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
    // Whoever reads it may not look into it for an order of its own.
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
          select ${itemOf[state]} from ${spaces} where ${and(ofNamespace, sql`id = page.id`)}
        ), ',' order by place) filter (where place <= ${param('limit')}) as items,
        bool_or(place > ${param('limit')}) as more,
        max(${text(sql`key`)}) ${last} as last_key,
        max(id::text) ${last} as last_id
      from page`);
    return db
      .with(access, counted, ...(gathers ? [matched] : []), total, page, shown)
      .select({
        access: { role: access.role },
        total: total.total,
        revision: counted.revision,
        items: shown.items,
        more: shown.more,
        key: shown.key,
        id: shown.id,
      })
      .from(access)
      .leftJoin(counted, always)
      .leftJoin(total, always)
      .leftJoin(shown, always);
  }

  /** How many spaces the list holds: a common table expression of one row. */
  function totalOf(gathers: boolean, state: SpaceSelection['state'], after: Position | null) {
    const matching = gathers
      ? sql`matched`
      : sql`${spaces} where ${and(ofNamespace, mayRead, isChanged)}`;
    let total = sql`select count(*)::int as list_total from ${matching}`;
    if (after) total = sql`select ${param('total')}::int as list_total`;
    else if (!gathers && state === 'active')
      total = sql`select total as list_total from ${counted}`;
    return db.$with('list_total', { total: sql<number>`list_total`.as('list_total') }).as(total);
  }

  const prepared = new Map<string, Statement<ListRow>>();

  function statementFor(
    selection: SpaceSelection,
    conditions: Condition[],
    after: Position | null,
  ): Statement<ListRow> {
    const { sort, descending, state } = selection;
    const shape = conditions.map(({ name, by }) => `${name} ${String(by)}`);
    const isNear = after && after.total < MANY;
    const name = ['space_list', sort, descending, state, isNear, ...shape].join('_');
    let statement = prepared.get(name);
    if (!statement) {
      const built = query(selection, conditions, after);
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
     * @param render makes the body of the answer; called only where the page has changed
     * @throws `ServiceError` `validation_failed` for a page too far inside a list in the order of what changes
     */
    async page(
      principal: Principal,
      namespaceSlug: string,
      selection: SpaceSelection,
      part: Page,
      render: (items: string, total: number) => Buffer,
    ): Promise<Outcome<CachedPage>> {
      const { conditions, values } = conditionsOf(selection);
      const { sort, descending, state } = selection;
      const isByCreation = sort === 'createdAt' && !isSearch(selection);
      const bounded = isBounded(selection);
      const statement = isByCreation
        ? (descending ? newestFirst : oldestFirst)[part.offset > SHALLOW ? 'deep' : 'shallow']
        : statementFor(selection, conditions, null);
      const read = bounded ? readable(part) : part;
      const name = JSON.stringify([sort, descending, state, part, values]);
      const result = await resolveNamespace(principal, namespaceSlug, async (scope) => {
        const lookup = pages.lookUp(`${scope.namespaceId} ${name}`);
        const row = await repeat(statement, { ...values, ...read, ...scope, known: lookup.known });
        return row && { ...row, lookup };
      });
      if (!result) return null;
      const { role, row } = result;
      if (bounded) expectReadable(part, row.total);
      const renderRow = (total: number) => render(row.items ?? '', total);
      return { role, value: pages.settle(row.lookup, row, renderRow) };
    },

    /** The next part of a walk. */
    async walk(
      principal: Principal,
      namespaceSlug: string,
      selection: SpaceSelection,
      { limit, after }: Walk,
    ): Promise<Outcome<SpacePage>> {
      const { conditions, values } = conditionsOf(selection);
      const statement = statementFor(selection, conditions, after);
      const place = { limit, offset: 0, known: null, ...after };
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        repeat(statement, { ...values, ...place, ...scope }),
      );
      if (!result) return null;
      const { role, namespaceId, row } = result;
      const { items, total, more, key, id } = row;
      const next = more && key && id ? { key, id, total } : null;
      return { role, value: { namespaceId, items: items ?? '', total, next } };
    },
  };
}

export type SpaceLists = ReturnType<typeof spaceLists>;

/** @returns whether what fits has to be found and counted, which may take long */
export function isSearch(selection: SpaceSelection): boolean {
  return selection.state !== 'active' || conditionsOf(selection).conditions.length > 0;
}

/** @returns whether its numbered pages end after `SKIPPED_MAX` items: it is neither searched nor in the order of creation */
export function isBounded(selection: SpaceSelection): boolean {
  return selection.sort !== 'createdAt' && !isSearch(selection);
}
