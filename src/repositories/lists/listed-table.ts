import { isNull, type SQL, sql, type WithSubquery } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { isRestorable } from '../../db/schema/columns.js';
import type { Role } from '../access/principal.js';
import { param } from '../access/statement.js';
import type { spaceTotal } from '../spaces/counters.js';
import type { State } from './selection.js';

/** A sort order of a list, supported by an index; the id is the tie-breaker. */
interface Order {
  key: SQL;
  type: SQL;
  /** converts a key to text, for a cursor */
  text: (key: SQL) => SQL;
}

/** A table with lists. */
export interface ListedTable<Sort extends string> {
  /** the prefix of the names of its statements */
  name: string;
  table: PgTable & { id: PgColumn };
  /** null for a table without soft delete */
  deletedAt: PgColumn | null;
  /** the condition that a row is in the listed container */
  inContainer: SQL | undefined;
  /** the common table expressions with the caller's access; the last one is `access` */
  access: WithSubquery[];
  /** null if the list is not inside a space, or the space does not exist */
  spaceId: SQL<string | null>;
  /** the condition that the caller may read the container */
  mayRead: SQL;
  /** the common table expression with the total and the revision of the active rows */
  counted: ReturnType<typeof spaceTotal>;
  /** the condition on the first column of the inverted index `search` */
  inSearch: SQL;
  /** the indexes for filters, the most selective first */
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

/** The condition that the cached page, if any, does not have the current revision of the list. */
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

/** @returns the columns with the caller's access, which every statement of a list returns */
export function accessColumns({ spaceId }: Pick<ListedTable<string>, 'spaceId'>) {
  return { role: sql<Role | null>`access.caller_role`, spaceId };
}
