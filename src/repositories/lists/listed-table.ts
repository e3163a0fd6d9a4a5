import { isNull, type SQL, sql, type WithSubquery } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { isRestorable } from '../../db/schema/columns.js';
import type { Role } from '../access/principal.js';
import { param } from '../access/statement.js';
import type { spaceTotal } from '../spaces/counters.js';
import type { State } from './selection.js';

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
  accessPaths: readonly string[];
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

/** The condition that the caller does not hold the list at its current revision. */
export const isChanged = sql`(select revision from total) is distinct from ${param('known')}`;

export const offset = sql`${param('offset')}::bigint`;

/** @returns the condition of each state */
export function stateConditions({ deletedAt }: Pick<ListedTable<string>, 'deletedAt'>) {
  return {
    active: deletedAt ? isNull(deletedAt) : undefined,
    deleted: deletedAt ? isRestorable(deletedAt) : undefined,
    all: deletedAt ? sql`(not ${isRestorable(deletedAt)}) is not true` : undefined,
  } satisfies Record<State, SQL | undefined>;
}

/** @returns the columns of the caller's access, which every statement of a list answers */
export function accessColumns({ spaceId }: Pick<ListedTable<string>, 'spaceId'>) {
  return { role: sql<Role | null>`access.caller_role`, spaceId };
}
